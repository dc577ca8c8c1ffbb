"""The order of messages, against an Envoy of a few lines that follows the protocol and checks every step."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.adapters.xds.order import Phase, StreamOrder
from fairway.adapters.xds.resources import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, Model, Resource
from fairway.adapters.xds.wire import Push, Request
from fairway.core.route import Backend, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BAD = b"bad"


def make_model(key: str, *revisions: str, weight: int = 0, bad: str = "") -> Model:
    """A model with these revisions, `weight` at the first; `bad` names a type that Envoy will refuse."""
    shares = [weight, 1000 - weight] if len(revisions) > 1 else [1000]
    backends = tuple(Backend(revision, share) for revision, share in zip(revisions, shares, strict=True))
    names = [f"{key}/{revision}" for revision in revisions]
    routes = json.dumps([*names, weight, bad if bad == "routes" else ""]).encode()
    return Model(
        route=Route("shop", key, 9000, backends),
        listener=Resource(key, BAD if bad == "listener" else b"port"),
        routes=Resource(key, routes),
        clusters=tuple(Resource(name, BAD if bad == "clusters" else b"cluster") for name in names),
    )


def assignment(cluster: str) -> Resource:
    return Resource(cluster, b"127.0.0.1:1")


@dataclass
class Envoy:
    """Takes what is good in a message and refuses the rest, as the real one does."""

    clusters: dict[str, Resource] = field(default_factory=dict)
    warm: set[str] = field(default_factory=set)
    listeners: dict[str, Resource] = field(default_factory=dict)
    routes: dict[str, Resource] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    anonymous: bool = False

    def connect(self) -> list[Request]:
        first = [Request(CLUSTERS)]
        return [
            *first,
            *self._ask(ENDPOINTS, self.clusters),
            Request(LISTENERS),
            *self._ask(ROUTES, self.listeners),
        ]

    def take(self, push: Push) -> list[Request]:
        self.journal.append(push.type_url.rpartition(".")[2])
        if push.type_url == CLUSTERS:
            return self._take_clusters(push)
        if push.type_url == LISTENERS:
            return self._take_listeners(push)
        if push.type_url == ROUTES:
            return self._take_routes(push)
        self.warm |= {one.name for one in push.resources} & self.clusters.keys()
        return [Request(ENDPOINTS, frozenset(self.clusters), push.nonce)]

    def check(self) -> None:
        """Whatever a listener routes to must be there."""
        for name in self.listeners:
            if name in self.routes:
                missing = set(json.loads(self.routes[name].payload)[:-2]) - self.clusters.keys()
                assert not missing, f"{name} routes to {missing}"

    def _take_clusters(self, push: Push) -> list[Request]:
        before = self.clusters
        good, error = self._sift(push.resources, "cluster(s)", before)
        self.clusters = good
        changed = {name for name, one in good.items() if before.get(name) != one}
        self.warm = (self.warm & good.keys()) - changed
        requests = [Request(CLUSTERS, nonce=push.nonce, error=error)]
        return requests if good.keys() == before.keys() else [*self._ask(ENDPOINTS, good), *requests]

    def _take_listeners(self, push: Push) -> list[Request]:
        before = self.listeners
        self.listeners, error = self._sift(push.resources, "listener(s)", before)
        self.routes = {name: one for name, one in self.routes.items() if name in self.listeners}
        requests = [Request(LISTENERS, nonce=push.nonce, error=error)]
        return (
            requests
            if self.listeners.keys() == before.keys()
            else [*requests, *self._ask(ROUTES, self.listeners)]
        )

    def _take_routes(self, push: Push) -> list[Request]:
        (one,) = push.resources
        *clusters, _, bad = json.loads(one.payload)
        error = "no such thing" if bad else None
        if not error and one.name in self.listeners:
            assert set(clusters) <= self.clusters.keys(), "a route to a cluster that is not there"
            assert set(clusters) <= self.warm, "a route to a cluster that is not warm"
            self.routes[one.name] = one
        return [Request(ROUTES, frozenset(self.listeners), push.nonce, error)]

    def _sift(
        self, offered: Iterable[Resource], kind: str, before: Mapping[str, Resource]
    ) -> tuple[dict[str, Resource], str | None]:
        named = {one.name: one for one in offered}
        bad = [name for name, one in named.items() if one.payload == BAD]
        if bad and self.anonymous:
            return dict(before), "something is wrong"
        good = {name: one for name, one in named.items() if name not in bad}
        good |= {name: before[name] for name in bad if name in before}
        words = ", ".join(f"{name}: no good" for name in bad)
        return good, f"Error adding/updating {kind} {words}" if bad else None

    def _ask(self, type_url: str, names: Iterable[str]) -> list[Request]:
        return [Request(type_url, frozenset(names))]


class Talk:
    """One Envoy and one conversation after another."""

    def __init__(self, wanted: Mapping[str, Model] | None = None) -> None:
        self.envoy = Envoy()
        self.wanted = dict(wanted or {})
        self.acknowledged: dict[str, Model] = {}
        self.in_use: dict[str, Resource] = {}
        self.connect()

    def connect(self) -> None:
        """A new conversation, as after a restart of the agent."""
        self.order = StreamOrder(self.acknowledged, self.wanted, self.in_use, assignment)
        self.envoy.warm = set(self.envoy.clusters)
        self.pushes: deque[Push] = deque()
        self.requests = deque(self.envoy.connect())

    def want(self, **models: Model) -> None:
        self.wanted = models
        self.pushes.extend(self.order.want(models))

    def deliver(self, messages: int) -> None:
        for _ in range(messages):
            if self.requests:
                self.pushes.extend(self.order.receive(self.requests.popleft()))
            elif self.pushes:
                self.requests.extend(self.envoy.take(self.pushes.popleft()))
                self.envoy.check()
            self.in_use |= self.order.clusters
            if self.order.settled:
                self.acknowledged = dict(self.order.applied)
            if self.order.tidy:
                self.in_use = {}

    def finish(self) -> None:
        for _ in range(1000):
            if not self.requests and not self.pushes:
                return
            self.deliver(1)
        raise AssertionError(f"never comes to rest: {self.envoy.journal[-20:]}")


def test_clusters_come_before_the_routes_that_name_them_and_go_after() -> None:
    """A route to a cluster that is not there is a 503 for a user."""
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    talk.envoy.journal.clear()
    talk.want(a=make_model("a", "v2"))
    talk.finish()
    endpoints = ["ClusterLoadAssignment"] * 2  # unasked for, and once more when Envoy asks
    assert talk.envoy.journal == ["Cluster", *endpoints, "RouteConfiguration", "Cluster"]
    assert set(talk.envoy.clusters) == {"a/v2"}


def test_a_change_of_weights_touches_nothing_but_the_routes() -> None:
    """A cluster that is sent again may lose the counters that a verdict rests on."""
    talk = Talk({"a": make_model("a", "v2", "v1", weight=10)})
    talk.finish()
    talk.envoy.journal.clear()
    talk.want(a=make_model("a", "v2", "v1", weight=100))
    talk.finish()
    assert talk.envoy.journal == ["RouteConfiguration"]


def test_wanting_the_same_again_says_nothing() -> None:
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    assert talk.order.want(talk.wanted) == []


def test_an_empty_world_is_told_too() -> None:
    """Envoy is not ready before it has heard of its clusters and listeners, even if there are none.

    A new one asks for listeners only after it was told of its clusters.
    """
    order = StreamOrder({}, {}, {}, assignment)
    (clusters,) = order.receive(Request(CLUSTERS))
    assert (clusters.type_url, clusters.resources) == (CLUSTERS, ())
    assert order.receive(Request(CLUSTERS, nonce=clusters.nonce)) == []
    (listeners,) = order.receive(Request(LISTENERS))
    assert (listeners.type_url, listeners.resources) == (LISTENERS, ())
    order.receive(Request(LISTENERS, nonce=listeners.nonce))
    assert order.tidy


@pytest.mark.parametrize("kind", ["clusters", "listener", "routes"])
@pytest.mark.parametrize("anonymous", [False, True])
def test_a_refused_model_does_not_hold_up_the_others(kind: str, anonymous: bool) -> None:
    """Neither when Envoy names the culprit nor when it does not."""
    talk = Talk()
    talk.envoy.anonymous = anonymous
    talk.want(a=make_model("a", "v1"), b=make_model("b", "v1", bad=kind), c=make_model("c", "v1"))
    talk.finish()
    assert set(talk.order.applied) == {"a", "c"}
    assert set(talk.order.refused) == {"b"}
    assert set(talk.envoy.clusters) == {"a/v1", "c/v1"}
    assert set(talk.envoy.listeners) == {"a", "c"}


@pytest.mark.parametrize("kind", ["clusters", "listener", "routes"])
def test_the_old_config_of_a_refused_model_stays_and_a_good_one_recovers(kind: str) -> None:
    """The last word of a model that works must not be lost to a bad one."""
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    talk.want(a=make_model("a", "v2", "v1", bad=kind))
    talk.finish()
    assert talk.order.applied == {"a": make_model("a", "v1")}
    assert talk.envoy.routes["a"] == make_model("a", "v1").routes
    good = make_model("a", "v2", "v1", weight=100)
    talk.want(a=good)
    talk.finish()
    assert talk.order.applied == {"a": good}
    assert not talk.order.refused


def test_going_back_from_a_refused_config_needs_no_acknowledgement() -> None:
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    talk.want(a=make_model("a", "v2", bad="routes"))
    talk.finish()
    talk.want(a=make_model("a", "v1"))
    talk.finish()
    assert not talk.order.refused
    assert talk.order.applied == {"a": make_model("a", "v1")}


def test_what_was_refused_is_offered_again_on_retry() -> None:
    """A port that is taken now may be free in a moment; nobody changes the model for that."""
    talk = Talk({"a": make_model("a", "v1"), "b": make_model("b", "v1", bad="listener")})
    talk.finish()
    talk.envoy.journal.clear()
    talk.pushes.extend(talk.order.retry())
    talk.finish()
    assert "Listener" in talk.envoy.journal
    assert set(talk.order.refused) == {"b"}
    assert set(talk.order.applied) == {"a"}


def test_an_envoy_that_outlived_its_agent_is_first_told_what_it_has() -> None:
    """Straight to the new world would drop clusters that its routes still name."""
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    talk.wanted = {"a": make_model("a", "v2"), "b": make_model("b", "v1")}
    talk.envoy.journal.clear()
    talk.connect()
    talk.finish()
    assert talk.order.applied == talk.wanted
    assert set(talk.envoy.clusters) == {"a/v2", "b/v1"}


def test_a_changed_cluster_is_given_its_endpoints_again() -> None:
    """It waits for them, and Envoy does not ask for a name it already asked for."""
    model = make_model("a", "v1")
    talk = Talk({"a": model})
    talk.finish()
    changed = replace(model, clusters=(Resource("a/v1", b"other"),))
    talk.envoy.journal.clear()
    talk.want(a=changed)
    talk.finish()
    assert "ClusterLoadAssignment" in talk.envoy.journal
    assert talk.envoy.warm == {"a/v1"}


def test_a_listener_that_asks_again_is_answered_again() -> None:
    """A listener that comes back while the old one drains asks for routes that were sent already."""
    talk = Talk({"a": make_model("a", "v1")})
    talk.finish()
    pushes = talk.order.receive(Request(ROUTES, frozenset({"a"})))
    assert [push.type_url for push in pushes] == [ROUTES]


def test_nothing_is_sent_before_envoy_asks() -> None:
    order = StreamOrder({}, {"a": make_model("a", "v1")}, {}, assignment)
    assert order.want({"a": make_model("a", "v2")}) == []
    assert order.receive(Request(LISTENERS)) == []
    assert [push.type_url for push in order.receive(Request(CLUSTERS))] == [CLUSTERS]


def test_an_unanswered_message_of_routes_is_sent_again() -> None:
    """Envoy may pass over one of two messages; its fate is unknown then, and unknown is not acknowledged."""
    order = StreamOrder({}, {key: make_model(key, "v1") for key in "ab"}, {}, assignment)
    (clusters,) = order.receive(Request(CLUSTERS))
    order.receive(Request(CLUSTERS, nonce=clusters.nonce))
    (listeners,) = order.receive(Request(LISTENERS))
    order.receive(Request(LISTENERS, nonce=listeners.nonce))
    first, second = order.receive(Request(ROUTES, frozenset("ab")))
    (again,) = order.receive(Request(ROUTES, frozenset("ab"), second.nonce))
    assert again.resources == first.resources
    assert set(order.applied) == {second.resources[0].name}


versions = st.builds(
    # The name of a cluster stands for its content: a bad one has a name of its own.
    lambda revisions, weight, bad: (tuple(f"{one}{bad[:1]}" for one in revisions), weight, bad),
    st.lists(st.sampled_from(["v1", "v2", "v3"]), min_size=1, max_size=2, unique=True),
    st.sampled_from([0, 100, 500]),
    st.sampled_from(["", "", "", "clusters", "listener", "routes"]),
)
worlds = st.dictionaries(st.sampled_from(["a", "b", "c"]), versions)
events = st.lists(st.one_of(worlds, st.integers(1, 12), st.sampled_from(["reconnect", "retry"])), max_size=12)


@given(events=events, anonymous=st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_history_comes_to_rest_in_the_wanted_world_without_a_dangling_route(
    events: list[dict[str, tuple[tuple[str, ...], int, str]] | int | str], anonymous: bool
) -> None:
    """Wishes, refusals and restarts at any moment; `Envoy.check` looks at every step."""
    talk = Talk()
    talk.envoy.anonymous = anonymous
    for event in events:
        if isinstance(event, int):
            talk.deliver(event)
        elif isinstance(event, dict):
            talk.want(**{k: make_model(k, *v[0], weight=v[1], bad=v[2]) for k, v in event.items()})
        elif event == "retry":
            talk.pushes.extend(talk.order.retry())
        else:
            talk.connect()
    talk.finish()
    good = {key: model for key, model in talk.wanted.items() if not is_bad(model)}
    assert {key: talk.order.applied.get(key) for key in good} == good
    assert talk.order.refused.keys() == talk.wanted.keys() - good.keys()
    assert talk.order.applied.keys() <= talk.wanted.keys()
    assert talk.envoy.clusters == {
        one.name: one for model in talk.order.applied.values() for one in model.clusters
    }
    assert talk.envoy.routes == {model.routes.name: model.routes for model in talk.order.applied.values()}
    assert talk.order._phase is Phase.IDLE


def is_bad(model: Model) -> bool:
    return (
        any(one.payload == BAD for one in (model.listener, *model.clusters))
        or json.loads(model.routes.payload)[-1] != ""
    )
