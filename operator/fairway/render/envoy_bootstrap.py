"""The static part of an Envoy: who it is, where its agent listens, how it counts. The rest comes over ADS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import PurePath

LATENCY_BUCKETS_MS = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750),
    *(1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 30_000, 60_000, 300_000),
)
"""Upper edges of `upstream_rq_time`: some eight per decade, so a latency limit is never far from an edge."""

AGENT_CLUSTER = "agent"
OWNER_ONLY = 0o600

_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ADS = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


def bootstrap(
    *, node_id: str, node_cluster: str, agent_socket: PurePath, admin_socket: PurePath
) -> dict[str, Any]:
    """A bootstrap in JSON form (`envoy.config.bootstrap.v3.Bootstrap`).

    Args:
        node_id: names this Envoy to its agent.
        node_cluster: names the group of Envoys that serve the same routes.
        agent_socket: Unix socket on which the agent speaks ADS.
        admin_socket: Unix socket that Envoy creates for its admin interface, readable by its own user alone.
    """
    return {
        "node": {"id": node_id, "cluster": node_cluster},
        "admin": {"address": {"pipe": {"path": str(admin_socket), "mode": OWNER_ONLY}}},
        "dynamic_resources": {
            "ads_config": _ads_config(),
            # No fetch timeout: an Envoy without its agent must stay "not ready" instead of serving nothing.
            "cds_config": _ADS,
            "lds_config": _ADS,
        },
        "static_resources": {"clusters": [_agent_cluster(agent_socket)]},
        "stats_config": {
            "histogram_bucket_settings": [
                {"match": {"prefix": "cluster."}, "buckets": list(LATENCY_BUCKETS_MS)},
            ]
        },
        "stats_flush_interval": "1s",
    }


def _ads_config() -> dict[str, Any]:
    back_off = {"base_interval": "0.05s", "max_interval": "0.5s"}
    agent = {"envoy_grpc": {"cluster_name": AGENT_CLUSTER, "retry_policy": {"retry_back_off": back_off}}}
    return {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [agent],
    }


def _agent_cluster(agent_socket: PurePath) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(agent_socket)}}}}
    return {
        "name": AGENT_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": AGENT_CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
