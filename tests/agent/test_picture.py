"""What Envoy is told, given what was seen: servers before routes, and nobody's servers too early away."""

from __future__ import annotations

from fairway.adapters.xds import Endpoint, ModelConfig
from fairway.agent.picture import is_answered, paint, rejection, service_of
from fairway.agent.wish import Wish
from fairway.core.route import Backend, Route, RouteState
from fairway.render.envoy import cluster_name, render_model

ONE, TWO = (Endpoint("10.0.0.1", 8080),), (Endpoint("10.0.0.2", 8080),)
SERVERS = {"fraud-1": ONE, "fraud-2": TWO}


def make_route(*revisions: str, name: str = "fraud") -> Route:
    first, *rest = revisions
    return Route("shop", name, 10000, (Backend(first, 1000), *(Backend(one, 0) for one in rest)))


def make_wish(route: Route) -> Wish:
    services = {cluster_name(route, one.revision): one.revision for one in route.backends}
    return Wish(f"shop/{route.name}", ModelConfig(route, render_model(route)), services)


OLD, BOTH, NEW = make_route("fraud-1"), make_route("fraud-2", "fraud-1"), make_route("fraud-2")
BROKEN = Wish("shop/fraud", fault="no good")


def test_a_wish_brings_its_clusters_with_their_servers() -> None:
    picture = paint([make_wish(BOTH)], SERVERS, {}, lambda _: None)
    assert picture.models["shop/fraud"].route == BOTH
    assert picture.endpoints == {"shop/fraud/fraud-1": ONE, "shop/fraud/fraud-2": TWO}


def test_a_cluster_without_servers_is_told_so() -> None:
    """Without an answer it would never get warm, and hold up the route."""
    assert paint([make_wish(OLD)], {}, {}, lambda _: None).endpoints == {"shop/fraud/fraud-1": ()}


def test_a_revision_keeps_its_servers_until_a_route_without_it_is_in_force() -> None:
    before = paint([make_wish(OLD)], SERVERS, {}, lambda _: OLD).services
    meanwhile = paint([make_wish(NEW)], SERVERS, before, lambda _: OLD)
    assert meanwhile.endpoints == {"shop/fraud/fraud-1": ONE, "shop/fraud/fraud-2": TWO}
    after = paint([make_wish(NEW)], SERVERS, meanwhile.services, lambda _: NEW)
    assert after.endpoints == {"shop/fraud/fraud-2": TWO}


def test_what_may_be_in_force_since_before_a_restart_keeps_its_servers() -> None:
    """Nothing is known yet of an Envoy that outlived the agent."""
    remembered = {"shop/fraud/fraud-1": service_of("shop/fraud/fraud-1")}
    picture = paint([make_wish(NEW)], SERVERS, remembered, lambda _: None)
    assert picture.endpoints["shop/fraud/fraud-1"] == ONE


def test_a_route_waits_for_the_first_server_of_a_revision() -> None:
    """A pod may be ready before its EndpointSlice says so: users must not meet the moment between."""
    early = paint([make_wish(NEW)], {"fraud-1": ONE}, {}, lambda _: OLD)
    assert (set(early.models), set(early.keep), set(early.held)) == (set(), {"shop/fraud"}, {"shop/fraud"})
    assert early.endpoints.keys() == {"shop/fraud/fraud-2"}
    assert paint([make_wish(NEW)], SERVERS, {}, lambda _: OLD).models["shop/fraud"].route == NEW


def test_a_route_does_not_wait_where_nothing_is_in_force_or_nothing_would_be_lost() -> None:
    """The first route stands before the first server; a revision that has requests already has no other."""
    assert paint([make_wish(NEW)], {}, {}, lambda _: None).models
    assert paint([make_wish(NEW)], {}, {}, lambda _: NEW).models
    warm = make_wish(make_route("fraud-1", "fraud-2"))
    assert paint([warm], {"fraud-1": ONE}, {}, lambda _: OLD).models, "weight 0 needs no server"


def test_a_model_that_cannot_be_read_stays_as_it_is() -> None:
    before = paint([make_wish(OLD)], SERVERS, {}, lambda _: OLD).services
    picture = paint([BROKEN], SERVERS, before, lambda _: OLD)
    assert not picture.models
    assert set(picture.keep) == {"shop/fraud"}
    assert picture.endpoints == {"shop/fraud/fraud-1": ONE}


def test_a_model_that_is_gone_keeps_its_servers_while_it_is_in_force() -> None:
    before = paint([make_wish(OLD)], SERVERS, {}, lambda _: OLD).services
    assert paint([], SERVERS, before, lambda _: OLD).endpoints == {"shop/fraud/fraud-1": ONE}
    assert paint([], SERVERS, before, lambda _: None).endpoints == {}


def test_a_model_whose_name_begins_anothers_does_not_get_its_clusters() -> None:
    other = make_wish(make_route("fraud-eu-1", name="fraud-eu"))
    before = paint([make_wish(OLD), other], SERVERS, {}, lambda _: None).services
    picture = paint([make_wish(OLD)], SERVERS, before, lambda key: OLD if key == "shop/fraud" else None)
    assert picture.endpoints.keys() == {"shop/fraud/fraud-1"}


def test_our_words_about_what_cannot_be_read_come_before_envoys() -> None:
    assert rejection(BROKEN, RouteState(OLD, "refused")) == "no good"
    assert rejection(make_wish(OLD), RouteState(None, "refused")) == "refused"
    assert rejection(make_wish(OLD), RouteState(OLD)) is None


def test_a_wish_is_answered_when_it_is_in_force_or_refused() -> None:
    assert is_answered(make_wish(OLD), RouteState(OLD))
    assert is_answered(make_wish(NEW), RouteState(OLD, "refused"))
    assert is_answered(BROKEN, RouteState())
    assert not is_answered(make_wish(NEW), RouteState(OLD))
    assert not is_answered(make_wish(NEW), RouteState())
