"""What the agent takes from a ConfigMap, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from fairway.agent.wish import read_wish
from fairway.core.route import Backend, Route
from fairway.render.envoy import render_model
from fairway.render.kube.labels import Owner
from fairway.render.kube.route_config import BIND_ADDRESS, route_config_map

ROUTE = Route("shop", "fraud", 10000, (Backend("fraud-2", 50), Backend("fraud-1", 950)))
RENDERED = render_model(ROUTE, bind_address=BIND_ADDRESS)
CONFIG_MAP = route_config_map(Owner("shop", "fraud", "1"), ROUTE, RENDERED)

Change = Callable[[dict[str, Any]], Any]


def with_content(change: Change) -> dict[str, Any]:
    changed = deepcopy(CONFIG_MAP)
    content = json.loads(changed["data"]["route.json"])
    change(content)
    changed["data"]["route.json"] = json.dumps(content)
    return changed


def test_it_understands_what_the_operator_writes() -> None:
    wish = read_wish(CONFIG_MAP, "shop")
    assert wish is not None
    assert wish.config is not None
    assert (wish.key, wish.fault) == ("shop/fraud", None)
    assert (wish.config.route, wish.config.rendered) == (ROUTE, RENDERED)
    assert wish.services == {"shop/fraud/fraud-2": "fraud-2", "shop/fraud/fraud-1": "fraud-1"}


def test_it_knows_nothing_of_later_additions() -> None:
    """An operator that is newer than the routers may say more."""
    wish = read_wish(with_content(lambda one: one.update(later=1) or one["route"].update(later=1)), "shop")
    assert wish is not None
    assert wish.fault is None


@pytest.mark.parametrize("name", ["fraud", "other-route"])
def test_a_config_map_of_another_name_is_nobodys_route(name: str) -> None:
    """A copy of it must not compete with the original."""
    copy = deepcopy(CONFIG_MAP)
    copy["metadata"]["name"] = name
    assert read_wish(copy, "shop") is None


FAULTS: dict[str, Change] = {
    "'route' is missing": lambda one: one.pop("route"),
    "'rendered' is missing": lambda one: one.pop("rendered"),
    "'clusters' is missing": lambda one: one["rendered"].pop("clusters"),
    "a route needs backends": lambda one: one["route"].pop("backends"),
    "sum to 1000": lambda one: one["route"]["backends"][0].update(weight=51),
    "no such TCP port": lambda one: one["route"].update(port=70000),
    "it names another model": lambda one: one.update(key="shop/other"),
    "its listener is not its own": lambda one: one["rendered"]["listener"].update(name="shop/other"),
    "its route table is not its own": lambda one: one["rendered"]["routeConfig"].update(name="shop/other"),
    "a cluster is not its own": lambda one: one["rendered"]["clusters"][0].update(name="shop/other/other-1"),
    "a revision has no cluster": lambda one: one["rendered"]["clusters"].pop(),
    "a cluster has addresses of its own": lambda one: one["rendered"]["clusters"][0].update(type="STATIC"),
    "a cluster has no Service": lambda one: one["clusters"].popitem(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said(fault: str) -> None:
    wish = read_wish(with_content(FAULTS[fault]), "shop")
    assert wish is not None
    assert wish.config is None
    assert wish.fault is not None
    assert fault in wish.fault


def test_another_models_port_in_the_listener_is_refused() -> None:
    def change(one: dict[str, Any]) -> None:
        one["rendered"]["listener"]["address"]["socket_address"]["port_value"] = 10001

    wish = read_wish(with_content(change), "shop")
    assert wish is not None
    assert wish.fault is not None


def test_a_route_of_another_namespace_is_refused() -> None:
    wish = read_wish(CONFIG_MAP, "elsewhere")
    assert wish is not None
    assert wish.key == "elsewhere/fraud"
    assert wish.fault is not None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"key": 1}', "[" * 100_000])
def test_any_text_is_a_wish_with_a_fault(text: str) -> None:
    wish = read_wish({**CONFIG_MAP, "data": {"route.json": text}}, "shop")
    assert wish is not None
    assert wish.config is None
    assert wish.fault


@pytest.mark.parametrize("data", [{}, None])
def test_a_config_map_without_content_is_one_with_a_fault(data: Any) -> None:
    wish = read_wish({**CONFIG_MAP, "data": data}, "shop")
    assert wish is not None
    assert wish.fault is not None
    assert "it has no route.json" in wish.fault
