"""The xDS messages, built from descriptors at run time: no generated modules, no clash of package names."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

from fairway.adapters.xds.errors import DescriptorsMissing, InvalidResource
from fairway.adapters.xds.resources import ENDPOINTS, Endpoint, Model, ModelConfig, Resource

_FILE = "descriptors.binpb"
_DISCOVERY = "envoy.service.discovery.v3."


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """All xDS messages that Fairway speaks, in a pool of their own.

    Raises:
        DescriptorsMissing: the package was not built.
    """
    try:
        packed = (resources.files(__package__) / _FILE).read_bytes()
    except FileNotFoundError as error:
        raise DescriptorsMissing(f"{_FILE} is made when Fairway is installed: pip install -e .") from error
    found = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(packed).file:
        found.Add(file)
    return found


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message by its full protobuf name."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))


def request_class() -> type[Message]:
    return message_class(_DISCOVERY + "DiscoveryRequest")


def response_class() -> type[Message]:
    return message_class(_DISCOVERY + "DiscoveryResponse")


def encode(resource: dict[str, Any], name: str) -> Resource:
    """One resource in JSON form, with `@type`, as it goes into a response.

    Raises:
        InvalidResource: a field or a value that the API does not have.
    """
    envelope = message_class("google.protobuf.Any")()
    try:
        json_format.ParseDict(resource, envelope, descriptor_pool=pool())
    except (json_format.ParseError, TypeError, KeyError) as error:
        raise InvalidResource(f"{name}: {error}") from error
    return Resource(name, envelope.SerializeToString(deterministic=True))


def encode_model(config: ModelConfig) -> Model:
    """All resources of one model.

    Raises:
        InvalidResource: one of them has a field or a value that the API does not have.
    """
    rendered = config.rendered
    return Model(
        route=config.route,
        listener=encode(rendered.listener, rendered.listener["name"]),
        routes=encode(rendered.route_config, rendered.route_config["name"]),
        clusters=tuple(encode(cluster, cluster["name"]) for cluster in rendered.clusters),
    )


def encode_endpoints(cluster: str, endpoints: tuple[Endpoint, ...]) -> Resource:
    """Where a cluster's servers are. None at all is an answer too: without one a cluster never gets warm."""
    addresses = [
        {"endpoint": {"address": {"socket_address": {"address": one.host, "port_value": one.port}}}}
        for one in endpoints
    ]
    groups = [{"lb_endpoints": addresses}] if addresses else []
    return encode({"@type": ENDPOINTS, "cluster_name": cluster, "endpoints": groups}, cluster)
