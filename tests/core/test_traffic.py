from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.model import Health, WorkloadHealth
from fairway.core.route import Backend, Route
from fairway.core.traffic import declared_weight
from harbour import READY, Harbour, live, rolling

STARTING = WorkloadHealth(Health.STARTING, "loading")


@given(st.lists(st.integers(-1000, 2000), min_size=1, max_size=4))
def test_a_route_takes_only_weights_that_are_not_negative_and_sum_to_1000(weights: list[int]) -> None:
    backends = tuple(Backend(f"r{i}", weight) for i, weight in enumerate(weights))
    if sum(weights) == 1000 and min(weights) >= 0:
        assert Route("ns", "m", 9000, backends).weight_of("r0") == weights[0]
    else:
        with pytest.raises(ValueError, match="sum to 1000"):
            Route("ns", "m", 9000, backends)


def test_a_revision_stands_once_in_a_route() -> None:
    with pytest.raises(ValueError, match="twice"):
        Route("ns", "m", 9000, (Backend("r", 500), Backend("r", 500)))


def test_there_is_no_route_before_the_first_revision_is_ready() -> None:
    harbour = Harbour()
    harbour.starts_as["a"] = STARTING
    harbour.run(timedelta(minutes=1))
    assert harbour.route is None


@pytest.mark.parametrize(
    ("phase", "weight"),
    [("Warming", 0), ("Canary", 100), ("Paused", 100), ("Promoting", 1000), ("Baking", 1000)],
)
def test_each_phase_stands_for_a_weight(phase: str, weight: int) -> None:
    harbour = rolling(phase)
    assert harbour.rollout.weight.declared == weight
    assert declared_weight(harbour.status) == weight
    harbour.tick()
    assert harbour.weight == weight


def test_the_candidate_stands_first() -> None:
    """The split walks the list in order: with the candidate first, a ramp only ever adds users to it."""
    harbour = rolling("Canary")
    assert harbour.route is not None
    assert [harbour.letter(b.revision) for b in harbour.route.backends] == ["b", "a"]


@pytest.mark.parametrize("phase", ["Provisioning", "RolledBack"])
def test_a_candidate_that_is_not_yet_or_no_more_of_use_is_not_in_the_route(phase: str) -> None:
    harbour = rolling(phase)
    harbour.tick()
    assert harbour.route is not None
    assert [harbour.letter(b.revision) for b in harbour.route.backends] == ["a"]


@pytest.mark.parametrize("phase", ["Canary", "Paused", "Promoting", "Baking"])
def test_a_candidate_that_is_not_ready_gets_nothing_while_its_declared_weight_stays(phase: str) -> None:
    harbour = rolling(phase)
    harbour.tick()
    declared, weight = harbour.rollout.weight.declared, harbour.weight
    harbour.set_health(harbour.candidate, STARTING)
    harbour.tick()
    assert (harbour.weight, harbour.rollout.weight.declared) == (0, declared)
    assert harbour.weight_of("a") == 1000
    harbour.set_health(harbour.candidate, READY)
    harbour.tick()
    assert harbour.weight == weight


def test_a_candidate_on_its_way_back_stays_in_the_route_until_its_requests_are_answered() -> None:
    harbour = rolling("Canary")
    harbour.tick()
    harbour.active = {harbour.candidate: 3}
    harbour.ask("abort")
    for _ in range(3):
        harbour.step()
    assert harbour.status.phase == "RollingBack"
    assert harbour.route is not None
    assert [b.weight for b in harbour.route.backends] == [0, 1000]
    assert harbour.candidate in harbour.workloads
    harbour.active = {}
    harbour.run_to("RolledBack")
    harbour.tick()
    assert [b.weight for b in harbour.route.backends] == [1000]


def test_the_port_of_a_model_never_changes() -> None:
    harbour = live()
    harbour.edit(uri="file:/models/b")
    harbour.run_until_settled()
    assert harbour.route is not None
    assert (harbour.status.port, harbour.route.port) == (9000, 9000)


def test_the_timeout_of_a_request_is_part_of_the_route() -> None:
    harbour = live()
    harbour.edit(traffic={"timeouts": {"request": "7s"}})
    harbour.tick()
    assert harbour.route is not None
    assert harbour.route.request_timeout_seconds == 7
    assert harbour.status.phase == "Stable"
