"""The engine OnnxRuntime: our own server `fairway_onnx`."""

from __future__ import annotations

from typing import ClassVar

from fairway.api.spec import OnnxRuntimeSettings
from fairway.core.model import Workload
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.server_pods import RIGHTS, server_pods
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.protocols import Place, ProcessSpec
from fairway.render.rights import Right

_MIB = 1024 * 1024
_CANNOT_SERVE = 3


class OnnxEngine:
    rights: ClassVar[tuple[Right, ...]] = RIGHTS

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
            fatal_exit_codes=frozenset({_CANNOT_SERVE}),
            drain_seconds=workload.request_timeout_seconds,
        )

    def objects(
        self, owner: Owner, workload: Workload, settings: ServerSettings, process: ProcessSpec
    ) -> tuple[Manifest, ...]:
        """A Deployment of it."""
        return server_pods(owner, workload, settings, process)
