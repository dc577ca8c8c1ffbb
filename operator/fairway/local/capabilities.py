"""What a laptop offers."""

from __future__ import annotations

from fairway.core.model import Capabilities

HOST = "127.0.0.1"
_SERVERS = {"OnnxRuntime": "fairway_onnx"}
"""With or without `spec.gpu`: on a laptop nobody hands out GPUs, and the model runs on the CPU."""
CAPABILITIES = Capabilities(
    host=HOST,
    runtimes=_SERVERS,
    gpu_runtimes=_SERVERS,
)
