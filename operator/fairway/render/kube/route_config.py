"""One model as the router pods and the clients see it: a ConfigMap with its route, a Service in front."""

from __future__ import annotations

import json

from fairway.core import names
from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel, cluster_name
from fairway.render.kube.labels import Manifest, Owner, controller_reference, labels, metadata
from fairway.render.route_json import to_json

BIND_ADDRESS = "0.0.0.0"  # noqa: S104  a pod has its network to itself
ROUTE_COMPONENT = "route"
ROUTER_COMPONENT = "router"
ROUTE_KEY = "route.json"
SERVICE_PORT = 80


def route_config_name(model: str) -> str:
    """Name of the ConfigMap that carries a model's route."""
    return f"{model}-{ROUTE_COMPONENT}"


def route_config_map(owner: Owner, route: Route, rendered: EnvoyModel) -> Manifest:
    """What the router's agents read.

    Args:
        owner: the ModelDeployment.
        route: for the reports that come back; `rendered` is how it is spelled for Envoy.
        rendered: with BIND_ADDRESS; its clusters learn their endpoints from the Service of their revision.
    """
    content = {
        "key": names.key(route.namespace, route.name),
        "route": to_json(route),
        "rendered": {
            "listener": rendered.listener,
            "routeConfig": rendered.route_config,
            "clusters": list(rendered.clusters),
        },
        "clusters": {cluster_name(route, one.revision): one.revision for one in route.backends},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(
            route_config_name(owner.name),
            owner.namespace,
            owners=[controller_reference(owner)],
            model=owner.name,
            component=ROUTE_COMPONENT,
        ),
        # Canonical, so that the same route is the same text and an apply that changes nothing sends nothing.
        "data": {ROUTE_KEY: json.dumps(content, sort_keys=True, separators=(",", ":"))},
    }


def model_service(owner: Owner, service_name: str, port: int) -> Manifest:
    """Where clients send their requests: any router pod, on the port that belongs to this model.

    Args:
        owner: the ModelDeployment.
        service_name: of the Service; chosen by the user, so nothing is derived from it.
        port: the model's listener port in the router pods.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            service_name, owner.namespace, owners=[controller_reference(owner)], model=owner.name
        ),
        "spec": {
            "type": "ClusterIP",
            "selector": labels(component=ROUTER_COMPONENT),
            "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": port, "protocol": "TCP"}],
        },
    }
