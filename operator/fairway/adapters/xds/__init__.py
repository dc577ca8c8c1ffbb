"""The agent of an Envoy: pure ordering (`order`, `wire`), and a gRPC server around it (`server`)."""

from fairway.adapters.xds.resources import Endpoint, ModelConfig
from fairway.adapters.xds.server import AdsServer

__all__ = ["AdsServer", "Endpoint", "ModelConfig"]
