"""A route in Envoy's words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fairway.adapters.xds.descriptors import encode, encode_model
from fairway.adapters.xds.errors import InvalidResource
from fairway.adapters.xds.resources import ModelConfig
from fairway.core.route import Backend, Route
from fairway.render.envoy import UNLIMITED, cluster_name, render_model, route_version

ROUTE = Route(
    "shop", "fraud", 9001, (Backend("fraud-b", 50), Backend("fraud-a", 950)), request_timeout_seconds=2.5
)


def split(route: Route) -> dict[str, Any]:
    routes = render_model(route).route_config["virtual_hosts"][0]["routes"]
    return next(one["route"] for one in routes if "route" in one)


def test_every_field_is_one_that_the_api_has() -> None:
    """A misspelt field would have no effect, and nobody would know."""
    model = encode_model(ModelConfig(ROUTE, render_model(ROUTE)))
    assert [one.name for one in model.clusters] == ["shop/fraud/fraud-b", "shop/fraud/fraud-a"]


def test_an_unknown_field_is_refused() -> None:
    listener = render_model(ROUTE).listener | {"adress": {}}
    with pytest.raises(InvalidResource, match="adress"):
        encode(listener, "shop/fraud")


def test_shares_keep_the_order_of_the_route() -> None:
    """Who sees the candidate is decided by its place in the list; a reshuffle would hit other users."""
    shares = split(ROUTE)["weighted_clusters"]["clusters"]
    assert [(share["name"], share["weight"]) for share in shares] == [
        ("shop/fraud/fraud-b", 50),
        ("shop/fraud/fraud-a", 950),
    ]


@pytest.mark.parametrize("weights", [(0, 1000), (10, 990), (1000, 0)])
def test_clusters_and_listener_do_not_depend_on_weights(weights: tuple[int, int]) -> None:
    """A cluster that is modified loses counters, a listener connections."""
    backends = tuple(replace(one, weight=weight) for one, weight in zip(ROUTE.backends, weights, strict=True))
    changed, rendered = render_model(replace(ROUTE, backends=backends)), render_model(ROUTE)
    assert (changed.clusters, changed.listener) == (rendered.clusters, rendered.listener)
    assert changed.route_config != rendered.route_config


def test_a_cluster_does_not_depend_on_its_neighbours() -> None:
    alone = render_model(replace(ROUTE, backends=(Backend("fraud-a", 1000),), request_timeout_seconds=9))
    assert alone.clusters[0] in render_model(ROUTE).clusters


def test_only_requests_that_no_model_can_have_seen_are_retried() -> None:
    assert split(ROUTE)["retry_policy"]["retry_on"] == "connect-failure,refused-stream"


def test_the_request_timeout_is_the_routes() -> None:
    assert split(ROUTE)["timeout"] == "2.500s"


def test_a_long_timeout_is_not_cut_short_by_the_idle_timeout() -> None:
    listener = render_model(replace(ROUTE, request_timeout_seconds=900)).listener
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["stream_idle_timeout"] == "960.000s"


def test_no_limit_of_the_router_ever_fails_a_request() -> None:
    for threshold in render_model(ROUTE).clusters[0]["circuit_breakers"]["thresholds"]:
        assert {value for key, value in threshold.items() if key != "priority"} == {UNLIMITED}


def test_a_bad_answer_never_puts_a_replica_aside() -> None:
    """A revision that fails must be judged; hidden behind outlier detection it would be promoted."""
    detection = render_model(ROUTE).clusters[0]["outlier_detection"]
    enforced = {key for key, value in detection.items() if key.startswith("enforcing") and value}
    assert enforced == {"enforcing_consecutive_local_origin_failure"}
    assert detection["split_external_local_origin_errors"] is True


@pytest.mark.parametrize(("address", "shared"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
def test_a_port_of_a_laptop_is_never_shared_with_another_process(address: str, shared: bool) -> None:
    listener = render_model(ROUTE, bind_address=address).listener
    assert listener["enable_reuse_port"] is shared
    assert listener["address"]["socket_address"]["address"] == address


def test_names_carry_no_dots() -> None:
    """Envoy's statistics are split at dots."""
    route = replace(ROUTE, name="fraud.v2")
    assert cluster_name(route, "fraud.v2-1") == "shop/fraud_v2/fraud_v2-1"


def test_the_version_names_the_route_and_nothing_else() -> None:
    assert route_version(ROUTE) == route_version(replace(ROUTE))
    assert route_version(ROUTE) != route_version(replace(ROUTE, request_timeout_seconds=3))


def test_the_same_route_is_spelled_the_same() -> None:
    """Envoy and the agent compare by content."""
    assert json.dumps(render_model(ROUTE).listener) == json.dumps(render_model(replace(ROUTE)).listener)
