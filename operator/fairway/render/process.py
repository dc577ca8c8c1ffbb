"""A revision's server as one process, on a laptop."""

from __future__ import annotations

from fairway.core.model import Workload
from fairway.render.errors import NotHere
from fairway.render.protocols import Place, ProcessSpec, Unsupported
from fairway.render.registry import ENGINES


def process_of(workload: Workload, place: Place) -> ProcessSpec:
    """How it is started.

    Raises:
        NotHere: the engine is none of processes.
    """
    found = ENGINES[workload.revision.engine.type].process(workload, place)
    if isinstance(found, Unsupported):
        raise NotHere(found.reason)
    return found
