"""Puts together what the agent has seen: the models to serve and where their servers are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fairway.adapters.xds.resources import Endpoint, ModelConfig
from fairway.agent.wish import Wish
from fairway.core.route import Route, RouteState


@dataclass(frozen=True, slots=True)
class Picture:
    """The world as the router should be told.

    Attributes:
        models: by key.
        keep: keys of models that cannot be read now; what they were stays.
        endpoints: by cluster name.
        services: cluster name -> Service, for the clusters that are wanted or may be in force still.
    """

    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    keep: frozenset[str] = frozenset()
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
    return Picture(
        models={key: wish.config for key, wish in sorted(by_key.items()) if wish.config},
        keep=frozenset(by_key.keys() - routes.keys()),
        endpoints={cluster: servers.get(service, ()) for cluster, service in services.items()},
        services=services,
    )


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
