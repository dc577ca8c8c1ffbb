"""The engine OnnxRuntime: our own server `fairway_onnx`."""

from __future__ import annotations

from fairway.api.spec import OnnxRuntimeSettings
from fairway.core.model import Workload
from fairway.render.protocols import ProcessFiles, ProcessSpec

_MIB = 1024 * 1024
_CANNOT_SERVE = 3


class OnnxEngine:
    def process(self, workload: Workload, files: ProcessFiles, python: str) -> ProcessSpec:
        """`fairway_onnx` on a port of the kernel's choice."""
        revision = workload.revision
        settings = revision.engine.onnx_runtime or OnnxRuntimeSettings()
        return ProcessSpec(
            name=revision.name,
            argv=(
                python,
                *("-m", "fairway_onnx"),
                *("--model", str(files.model)),
                *("--name", revision.public_name),
                *("--host", "127.0.0.1"),
                *("--port", "0"),
                *("--address-file", str(files.address)),
                *("--termination-log", str(files.termination)),
                *("--threads", str(settings.threads)),
                *("--max-batch-size", str(settings.max_batch_size)),
                *("--max-body-bytes", str(settings.max_body_mib * _MIB)),
                *("--max-queue", str(settings.max_queue)),
                *("--request-timeout", f"{workload.request_timeout_seconds:g}"),
                *("--drain-seconds", f"{workload.request_timeout_seconds:g}"),
            ),
            address_file=files.address,
            termination_file=files.termination,
            ready_path=f"/v2/models/{revision.public_name}/ready",
            fatal_exit_codes=frozenset({_CANNOT_SERVE}),
            drain_seconds=workload.request_timeout_seconds,
        )
