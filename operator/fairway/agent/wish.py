"""What a ConfigMap wants of the router: one model's route, or words about why it is none. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairway.adapters.xds.resources import ModelConfig
from fairway.agent.errors import MalformedRoute
from fairway.core import names
from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel, cluster_name, resource_name
from fairway.render.kube.labels import MODEL
from fairway.render.kube.route_config import ROUTE_KEY, route_config_name
from fairway.render.route_json import from_json


@dataclass(frozen=True, slots=True)
class Wish:
    """One model.

    Attributes:
        key: of the model.
        config: None when the ConfigMap is malformed.
        services: cluster name -> name of the Service whose endpoints it has.
        fault: why it is malformed.
    """

    key: str
    config: ModelConfig | None = None
    services: Mapping[str, str] | None = None
    fault: str | None = None


def read_wish(content: dict[str, Any], namespace: str) -> Wish | None:
    """Understand a ConfigMap; None for one that is nobody's route, whatever its labels say.

    A malformed one is a wish too: its model must not disappear because of it.
    """
    meta = content.get("metadata") or {}
    model = (meta.get("labels") or {}).get(MODEL)
    if model is None or meta.get("name") != route_config_name(model):
        return None
    key = names.key(namespace, model)
    try:
        config, services = _parse((content.get("data") or {}).get(ROUTE_KEY), key)
    except MalformedRoute as fault:
        return Wish(key, fault=f"the ConfigMap {meta['name']} is malformed: {fault}")
    return Wish(key, config, services)


def _parse(text: Any, key: str) -> tuple[ModelConfig, dict[str, str]]:
    if not isinstance(text, str):
        raise MalformedRoute(f"it has no {ROUTE_KEY}")
    try:
        content = json.loads(text)
        route = from_json(content["route"])
        rendered = content["rendered"]
        model = EnvoyModel(rendered["listener"], rendered["routeConfig"], tuple(rendered["clusters"]))
        services = {str(cluster): str(service) for cluster, service in content["clusters"].items()}
        _check(key, content.get("key"), route, model, services)
    except KeyError as error:
        raise MalformedRoute(f"{error} is missing") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedRoute(str(error)[:300]) from error
    return ModelConfig(route, model), services


def _check(key: str, named: Any, route: Route, model: EnvoyModel, services: Mapping[str, str]) -> None:
    """A model speaks for itself alone: with another's names it would take that one's requests away."""
    own = resource_name(route)
    port = model.listener["address"]["socket_address"]["port_value"]
    clusters = [str(cluster["name"]) for cluster in model.clusters]
    needed = {cluster_name(route, one.revision) for one in route.backends}
    checks = {
        "it names another model": key == named == names.key(route.namespace, route.name),
        "its listener is not its own": model.listener["name"] == own and port == route.port,
        "its route table is not its own": model.route_config["name"] == own,
        "a cluster is not its own": all(name.startswith(f"{own}/") for name in clusters),
        "a revision has no cluster": needed <= set(clusters),
        "a cluster has addresses of its own": all(_learns_endpoints(one) for one in model.clusters),
        "a cluster has no Service, or a Service no cluster": services.keys() == set(clusters),
    }
    for fault, holds in checks.items():
        if not holds:
            raise MalformedRoute(fault)


def _learns_endpoints(cluster: Mapping[str, Any]) -> bool:
    """A cluster with an address in it could reach Envoy's admin interface."""
    return (
        cluster.get("type") == "EDS" and "load_assignment" not in cluster and "loadAssignment" not in cluster
    )
