"""The engine Triton: NVIDIA's server in our image, see runtimes/triton."""

from __future__ import annotations

import math
from typing import ClassVar

from fairway.api.engine import TritonSettings
from fairway.core.model import Workload
from fairway.render.kube.own_pods import OwnPods
from fairway.render.protocols import Place, ProcessSpec

_CANNOT_SERVE = 3
_SCRIPT = "/opt/triton/serve.py"
"""Where the image has it."""


class TritonEngine(OwnPods):
    fatal_exit_codes: ClassVar[frozenset[int]] = frozenset({_CANNOT_SERVE})

    def process(self, workload: Workload, place: Place) -> ProcessSpec:
        """`tritonserver` with one model, after its repository was written."""
        revision = workload.revision
        settings = revision.engine.triton or TritonSettings()
        drain = workload.request_timeout_seconds
        return ProcessSpec(
            name=revision.name,
            argv=(
                place.python,
                _SCRIPT,
                *("--model", str(place.model)),
                *("--name", revision.public_name),
                *("--host", place.host),
                *("--port", str(place.port)),
                *("--termination-log", str(place.termination)),
                *("--threads", str(settings.threads)),
                *("--drain-seconds", str(math.ceil(drain))),
            ),
            termination_file=place.termination,
            live_path="/v2/health/live",
            ready_path=f"/v2/models/{revision.public_name}/ready",
            fatal_exit_codes=self.fatal_exit_codes,
            drain_seconds=drain,
        )
