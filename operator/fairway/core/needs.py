"""What the next decision wants to look at, so that nothing is read in vain."""

from __future__ import annotations

from datetime import datetime

from fairway.api.status import Phase
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.analysis import sample_due
from fairway.core.clock import reanchor
from fairway.core.model import Needs


def needs(md: ModelDeployment, now: datetime) -> Needs:
    """The observations that `reconcile` will use for this resource at this moment."""
    status = reanchor(md.status, now)
    revisions = tuple(name for name in (status.candidate, status.stable) if name is not None)
    return Needs(
        artifact=md.spec.model.uri,
        pin=md.spec.model.sha256,
        revisions=revisions,
        sample=sample_due(md, status, now),
        active=status.phase in {Phase.ROLLING_BACK, Phase.BAKING},
        free_port=status.port is None,
    )
