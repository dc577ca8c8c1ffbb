"""Every plug-in, and the only place that imports one."""

from __future__ import annotations

from collections.abc import Mapping

from fairway.api.spec import EngineType, RouterType
from fairway.render.engines.kserve import KServeEngine
from fairway.render.engines.onnx import OnnxEngine
from fairway.render.engines.triton import TritonEngine
from fairway.render.protocols import Engine, Router
from fairway.render.routers.envoy import EnvoyRouter

ENGINES: Mapping[EngineType, Engine] = {
    EngineType.ONNX_RUNTIME: OnnxEngine(),
    EngineType.TRITON: TritonEngine(),
    EngineType.KSERVE: KServeEngine(),
}
ROUTERS: Mapping[RouterType, Router] = {RouterType.ENVOY: EnvoyRouter()}
