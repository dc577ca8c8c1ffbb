"""What a laptop offers."""

from __future__ import annotations

from fairway.core.model import Capabilities

HOST = "127.0.0.1"
CAPABILITIES = Capabilities(
    host=HOST,
    runtimes={"OnnxRuntime": "fairway_onnx"},
)
