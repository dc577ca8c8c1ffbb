"""The engine OnnxRuntime: our own server `fairway_onnx`."""

from __future__ import annotations

from typing import ClassVar

from fairway.api.spec import OnnxRuntimeSettings
from fairway.core.model import Workload
from fairway.render.kube.own_pods import OwnPods
from fairway.render.protocols import Place, ProcessSpec

_MIB = 1024 * 1024
_CANNOT_SERVE = 3


class OnnxEngine(OwnPods):
    fatal_exit_codes: ClassVar[frozenset[int]] = frozenset({_CANNOT_SERVE})

    def process(self, workload: Workload, place: Place) -> ProcessSpec:
        """`fairway_onnx`, one process per server."""
        revision = workload.revision
        settings = revision.engine.onnx_runtime or OnnxRuntimeSettings()
        return ProcessSpec(
            name=revision.name,
            argv=(
                place.python,
                *("-m", "fairway_onnx"),
                *("--model", str(place.model)),
                *("--name", revision.public_name),
                *("--host", place.host),
                *("--port", str(place.port)),
                *("--address-file", str(place.address)),
                *("--termination-log", str(place.termination)),
                *(("--device", "cuda") if place.gpus and revision.pod.gpu is not None else ()),
                *("--threads", str(settings.threads)),
                *("--max-batch-size", str(settings.max_batch_size)),
                *("--max-body-bytes", str(settings.max_body_mib * _MIB)),
                *("--max-queue", str(settings.max_queue)),
                *("--request-timeout", f"{workload.request_timeout_seconds:g}"),
                *("--drain-seconds", f"{workload.request_timeout_seconds:g}"),
            ),
            address_file=place.address,
            termination_file=place.termination,
            live_path="/v2/health/live",
            ready_path=f"/v2/models/{revision.public_name}/ready",
            fatal_exit_codes=self.fatal_exit_codes,
            drain_seconds=workload.request_timeout_seconds,
        )
