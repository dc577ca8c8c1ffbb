"""Puts together what the agent has seen: the models to serve and where their servers are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fairway.adapters.xds.resources import Endpoint, ModelConfig
from fairway.agent.wish import Wish
from fairway.core.route import Route, RouteState
from fairway.render.envoy import cluster_name


@dataclass(frozen=True, slots=True)
class Picture:
    """The world as the router should be told.

    Attributes:
        models: by key.
        keep: keys of models that stay as they are told already: those that cannot be read, and `held`.
        held: keys of models whose new route waits for the first server of a revision.
        endpoints: by cluster name.
        services: cluster name -> Service, for the clusters that are wanted or may be in force still.
    """

    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    endpoints: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)


def paint(
    wishes: Iterable[Wish],
    servers: Mapping[str, tuple[Endpoint, ...]],
    before: Mapping[str, str],
    programmed: Callable[[str], Route | None],
) -> Picture:
    """The next picture.

    Args:
        wishes: one for each model.
        servers: endpoints by Service.
        before: `services` of the picture before. A cluster that is wanted no more keeps its endpoints until
            the routers have taken that: until then requests go to it.
        programmed: the route in force of a model; None when nothing is known of it.
    """
    by_key = {wish.key: wish for wish in wishes}
    routes = {key: wish.config.route for key, wish in by_key.items() if wish.config}
    services = {}
    for cluster, service in before.items():
        key = cluster.rpartition("/")[0]
        in_force, wanted = programmed(key), routes.get(key)
        if in_force != wanted or (key in by_key and in_force is None):
            services[cluster] = service
    for _, wish in sorted(by_key.items()):
        services |= wish.services or {}
    held = frozenset(key for key, wish in by_key.items() if _lacks_servers(wish, servers, programmed(key)))
    return Picture(
        models={key: wish.config for key, wish in sorted(by_key.items()) if wish.config and key not in held},
        keep=held | (by_key.keys() - routes.keys()),
        held=held,
        endpoints={cluster: servers.get(service, ()) for cluster, service in services.items()},
        services=services,
    )


def _lacks_servers(wish: Wish, servers: Mapping[str, tuple[Endpoint, ...]], in_force: Route | None) -> bool:
    """Whether this route would send requests where nobody is yet, while the one in force does not.

    A pod is ready some moments before its EndpointSlice says so, and slices and ConfigMaps are watched apart.
    """
    if wish.config is None or in_force is None:
        return False
    route, services = wish.config.route, wish.services or {}
    begins = [one.revision for one in route.backends if one.weight and not in_force.weight_of(one.revision)]
    return any(not servers.get(services[cluster_name(route, revision)]) for revision in begins)


def service_of(cluster: str) -> str:
    """The Service of a cluster of which only the name is known: a revision and its Service share theirs."""
    return cluster.rpartition("/")[2]


def rejection(wish: Wish, state: RouteState) -> str | None:
    """Why a model is not as it is wanted: our words about what cannot be read, else Envoy's."""
    return wish.fault or state.rejected


def is_answered(wish: Wish, state: RouteState) -> bool:
    """Whether nothing more is to be expected of this wish: it is in force, or was refused."""
    in_force = wish.config is not None and state.programmed == wish.config.route
    return in_force or rejection(wish, state) is not None
