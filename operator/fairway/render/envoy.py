"""Spells a route as Envoy resources: one listener, one route table, one cluster per revision.

The same dicts serve a router pod and a laptop. Nothing here knows where the endpoints are: clusters learn
them over EDS, so that a pod that comes or goes never changes a cluster. Field names are those of the xDS v3
API in JSON; the adapter that encodes them refuses unknown ones.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairway.core.route import Backend, Route

Xds = dict[str, Any]

READY_PATH = "/.fairway/ready"
REVISION_HEADER = "x-fairway-revision"

UNLIMITED = 1_000_000
"""Circuit breaker of every kind. Envoy's defaults (1024 connections, 1024 requests, 3 retries) answer a user
with 503 while the model is healthy; file descriptors and memory run out long before this does."""

CONNECT_TIMEOUT_SECONDS = 2.0
UPSTREAM_IDLE_SECONDS = 4.0
"""Shorter than the keep-alive of common servers (uvicorn: 5 s): of two sides that close an idle connection
the one that sends requests must be first, else a request meets a closed door and may not be retried."""

_TYPE = "type.googleapis.com/"
_CONNECTION_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ADS: Xds = {"ads": {}, "resource_api_version": "V3"}


@dataclass(frozen=True, slots=True)
class EnvoyModel:
    """What one model is to Envoy. Resources are named after the model, clusters after its revisions."""

    listener: Xds
    route_config: Xds
    clusters: tuple[Xds, ...]


def render_model(route: Route, *, bind_address: str = "127.0.0.1") -> EnvoyModel:
    """The whole configuration of one model, whatever it was before.

    Args:
        route: backends in the order in which they share the weights.
        bind_address: loopback on a laptop, `0.0.0.0` in a pod.
    """
    return EnvoyModel(
        listener=_listener(route, bind_address),
        route_config=_route_config(route),
        clusters=tuple(_cluster(cluster_name(route, backend.revision)) for backend in route.backends),
    )


def resource_name(route: Route) -> str:
    """Name of the model's listener and route table, and prefix of its statistics.

    Envoy separates the parts of a statistic by dots; `_` stands in no Kubernetes name, so nothing collides.
    """
    return f"{route.namespace}/{route.name}".replace(".", "_")


def cluster_name(route: Route, revision: str) -> str:
    """Name of a revision's cluster: nothing in it depends on weights, so it lives as long as the revision."""
    return f"{resource_name(route)}/{revision.replace('.', '_')}"


def route_version(route: Route) -> str:
    """What a request to READY_PATH answers: 12 hex digits that name exactly this route."""
    return hashlib.sha256(repr(route).encode()).hexdigest()[:12]


def seconds(value: float) -> str:
    """A protobuf duration in JSON, to the millisecond."""
    return f"{value:.3f}s"


def _listener(route: Route, bind_address: str) -> Xds:
    return {
        "@type": _TYPE + "envoy.config.listener.v3.Listener",
        "name": resource_name(route),
        "address": {"socket_address": {"address": bind_address, "port_value": route.port}},
        # Without this a second Envoy of the same user shares the port in silence and takes half of the
        # connections. A pod has its network to itself, and there each worker accepts on a socket of its own.
        "enable_reuse_port": not ipaddress.ip_address(bind_address).is_loopback,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(route),
                    }
                ]
            }
        ],
    }


def _connection_manager(route: Route) -> Xds:
    return {
        "@type": _TYPE + _CONNECTION_MANAGER,
        "stat_prefix": resource_name(route),
        "codec_type": "AUTO",
        "rds": {"route_config_name": resource_name(route), "config_source": _ADS},
        "http_filters": [
            # A gRPC failure travels behind a 200: without this filter it would be counted as a success.
            _filter("grpc_stats", "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"),
            _filter("router", "envoy.extensions.filters.http.router.v3.Router"),
        ],
        "preserve_external_request_id": True,
        # A silent stream may last as long as the slowest allowed answer; Envoy's own default is five minutes.
        "stream_idle_timeout": seconds(max(300.0, route.request_timeout_seconds + 60.0)),
    }


def _filter(name: str, config: str) -> Xds:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": _TYPE + config}}


def _route_config(route: Route) -> Xds:
    return {
        "@type": _TYPE + "envoy.config.route.v3.RouteConfiguration",
        "name": resource_name(route),
        "validate_clusters": True,
        "virtual_hosts": [
            {"name": resource_name(route), "domains": ["*"], "routes": [_ready(route), _split(route)]},
        ],
    }


def _ready(route: Route) -> Xds:
    """Answered by the data listener itself: Envoy's own `/ready` is 200 even when no route works."""
    return {
        "match": {"path": READY_PATH},
        "direct_response": {"status": 200, "body": {"inline_string": route_version(route)}},
    }


def _split(route: Route) -> Xds:
    return {
        "match": {"prefix": "/"},
        "route": {
            "weighted_clusters": {"clusters": [_share(route, backend) for backend in route.backends]},
            "timeout": seconds(route.request_timeout_seconds),
            "retry_policy": _retries(),
        },
    }


def _share(route: Route, backend: Backend) -> Xds:
    header = {"key": REVISION_HEADER, "value": backend.revision}
    return {
        "name": cluster_name(route, backend.revision),
        "weight": backend.weight,
        "response_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }


def _retries() -> Xds:
    """Only where the model cannot have seen the request: an inference is never run twice."""
    return {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.010s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": _TYPE + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        # A dead replica has the fewest requests and is chosen first: look further than twice.
        "host_selection_retry_max_attempts": 32,
    }


def _cluster(name: str) -> Xds:
    limits = dict.fromkeys(
        ("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED
    )
    return {
        "@type": _TYPE + "envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _ADS},
        "connect_timeout": seconds(CONNECT_TIMEOUT_SECONDS),
        # Inference times differ widely: the replica with the fewest requests is the one that is free.
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {
            "thresholds": [{"priority": priority, **limits} for priority in ("DEFAULT", "HIGH")],
        },
        "outlier_detection": _outlier_detection(),
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": _TYPE + _HTTP_OPTIONS,
                "common_http_protocol_options": {"idle_timeout": seconds(UPSTREAM_IDLE_SECONDS)},
                # HTTP/1.1 in, HTTP/1.1 out; HTTP/2 (and with it gRPC) in, HTTP/2 out.
                "use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}},
            }
        },
    }


def _outlier_detection() -> Xds:
    """Sets aside a replica that cannot be reached, never one that answers badly: that one must be judged."""
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "interval": "1s",
        "base_ejection_time": "10s",
        "max_ejection_percent": 50,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_failure_percentage_local_origin": 0,
    }
