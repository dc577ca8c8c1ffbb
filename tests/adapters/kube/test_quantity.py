"""Amounts are compared as the API server compares them."""

from __future__ import annotations

import pytest

from controller.world import World
from fairway.adapters.kube.quantity import same_quantity

SPELLINGS = (
    "1000m",
    "0.5",
    "1e3",
    "1E3",
    "1024Mi",
    "0.5Gi",
    "1500k",
    "100n",
    ".5",
    "5.",
    "2E",
    "2Ei",
    "0",
    "1u",
)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1000m", "1"), (1, "1"), (0.5, "500m"), ("1e3", "1k"), ("2E", "2e18"), ("0.5Gi", "512Mi"), ("x", "x")],
)
def test_one_amount_may_be_spelled_in_several_ways(one: object, other: object) -> None:
    assert same_quantity(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "1001m"), ("1M", "1Mi"), ("x", "y"), ("1", "x"), ("1", None), ("1", "1Ki")]
)
def test_other_amounts_differ(one: object, other: object) -> None:
    assert not same_quantity(one, other)


async def test_whatever_the_api_server_makes_of_an_amount_is_the_same(world: World) -> None:
    """A quota takes any amount of anything that belongs to somebody."""
    sent = {f"requests.example.com/r{index}": amount for index, amount in enumerate(SPELLINGS)}
    body = {"metadata": {"name": "amounts"}, "spec": {"hard": sent}}
    stored = (await world.create("resourcequotas", body))["spec"]["hard"]
    assert stored != sent, "it has a spelling of its own"
    assert {name: stored[name] for name in sent if not same_quantity(stored[name], sent[name])} == {}
