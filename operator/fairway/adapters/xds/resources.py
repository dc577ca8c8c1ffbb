"""What travels to an Envoy: opaque encoded resources, and what belongs to one model."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairway.core.route import Route
    from fairway.render.envoy import EnvoyModel

_TYPE = "type.googleapis.com/"
CLUSTERS = _TYPE + "envoy.config.cluster.v3.Cluster"
ENDPOINTS = _TYPE + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENERS = _TYPE + "envoy.config.listener.v3.Listener"
ROUTES = _TYPE + "envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True, slots=True)
class Resource:
    """One xDS resource: `payload` is the serialized `google.protobuf.Any` that carries it."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that one model is to Envoy, encoded; two equal ones need no message."""

    route: Route
    listener: Resource
    routes: Resource
    clusters: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the rest of Fairway wants of one model: the route, and how it is spelled for Envoy."""

    route: Route
    rendered: EnvoyModel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one server of a revision listens.

    Attributes:
        host: an IP address; EDS resolves no names.
        port: TCP port.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.host)
        if not 0 < self.port < 65536:
            raise ValueError(f"no such TCP port: {self.port}")
