"""How many servers there are: never too few for the users of a revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import make_deployment
from fairway.api.status import Phase, RolloutStatus, Status, StepInForce
from fairway.core.analysis import make_bounds
from fairway.core.capacity import plan, servers_for, whole
from fairway.core.model import Capacity, Decision, Health, Observed, Role, WorkloadHealth
from harbour import QUICK, Harbour, live

MINUTE = timedelta(minutes=1)


def capacities(decision: Decision) -> dict[str, Capacity]:
    return {workload.role.value: workload.capacity for workload in decision.workloads}


def answer(harbour: Harbour, revision: str, answering: int, asked: int | None = None) -> None:
    """So many servers of this revision answer."""
    health = WorkloadHealth(Health.READY if answering else Health.STARTING, answering=answering)
    harbour.set_health(revision, replace(health, asked=asked or answering))


def rolling_out(**scaling: int) -> Harbour:
    """`b` is on its way against an `a` that has four servers; one server of `b` answers."""
    harbour = live(make_deployment(rollout=QUICK, scaling=scaling or {"min": 4}))
    answer(harbour, harbour.stable, 4)
    harbour.starts_as["b"] = WorkloadHealth(Health.READY, answering=1, asked=1)
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    return harbour


def test_a_candidate_starts_with_the_servers_for_its_first_step() -> None:
    harbour = rolling_out()
    assert capacities(harbour.tick()) == {"candidate": Capacity(1), "stable": Capacity(4)}


def test_a_weight_waits_for_the_servers_that_it_needs() -> None:
    """Ten percent need one of four servers, fifty need two."""
    harbour = rolling_out()
    harbour.run_while(lambda: harbour.rollout.weight.declared != 500)
    decision = harbour.tick()
    assert capacities(decision)["candidate"] == Capacity(2)
    assert decision.route is not None
    assert decision.route.weight_of(harbour.candidate) == 100
    harbour.run(MINUTE)
    assert harbour.weight == 100
    assert harbour.rollout.step is not None
    assert harbour.rollout.step.started_at is None, "the step's time runs only with its weight in force"
    answer(harbour, harbour.candidate, 2)
    harbour.run(timedelta(seconds=20))
    assert harbour.weight == 500
    assert harbour.rollout.step.started_at is not None


def test_all_the_traffic_waits_for_all_the_servers() -> None:
    harbour = rolling_out()
    harbour.ask("promote", full=True)
    answer(harbour, harbour.candidate, 3, asked=4)
    harbour.run(MINUTE)
    assert harbour.status.phase == "Promoting"
    assert harbour.weight == 100
    answer(harbour, harbour.candidate, 4)
    harbour.run_to("Baking")
    assert harbour.weight == 1000


def test_a_server_that_goes_for_a_moment_takes_no_weight_away() -> None:
    harbour = rolling_out()
    answer(harbour, harbour.candidate, 2)
    harbour.run_while(lambda: harbour.weight != 500)
    answer(harbour, harbour.candidate, 1, asked=2)
    assert harbour.step().route == harbour.route
    assert harbour.weight == 500


def test_a_candidate_that_never_gets_its_servers_goes_back_and_says_so() -> None:
    """A rollout ends, also where there is no room for it."""
    harbour = rolling_out()
    harbour.run_while(lambda: harbour.rollout.weight.declared != 500)
    health = harbour.workloads[harbour.candidate]
    harbour.set_health(harbour.candidate, replace(health, message="no node takes the pod", reason="Full"))
    harbour.run_to("RolledBack", limit=timedelta(minutes=30))
    assert harbour.rollout.outcome == "CandidateLost"
    assert harbour.rollout.message == "1 of 2 servers for 50 % answer after 600 s: no node takes the pod"


def test_stable_keeps_what_it_had_when_the_rollout_began() -> None:
    """The autoscaler had asked for seven; a way back must find them."""
    harbour = live(make_deployment(rollout=QUICK, scaling={"min": 2, "max": 8, "target": 70}))
    answer(harbour, harbour.stable, 7)
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    answer(harbour, harbour.stable, 3, asked=3)
    found = capacities(harbour.tick())
    assert found["stable"] == Capacity(7, 8, 70)
    assert found["candidate"] == Capacity(1, 8, 70)
    harbour.ask("abort")
    harbour.run_to("RolledBack")
    assert capacities(harbour.tick())["stable"] == Capacity(2, 8, 70)


def test_a_smaller_bound_waits_until_the_rollout_is_over() -> None:
    harbour = rolling_out()
    harbour.edit(scaling={"min": 1, "max": 2})
    found = capacities(harbour.tick())["stable"]
    assert (found.servers, found.most) == (4, 4)


def test_what_is_sent_back_keeps_its_servers_while_they_answer() -> None:
    harbour = rolling_out()
    answer(harbour, harbour.candidate, 2)
    harbour.run_while(lambda: harbour.weight != 500)
    harbour.routers = False
    decision = harbour.ask("abort")
    assert harbour.status.phase == "RollingBack"
    assert capacities(decision)["candidate"] == Capacity(2)


def test_a_first_revision_answers_as_soon_as_one_server_does_and_is_ready_when_all_do() -> None:
    harbour = Harbour(make_deployment(scaling={"min": 3}))
    harbour.starts_as["a"] = WorkloadHealth(
        Health.READY, "no node takes the pod", reason="Unschedulable", answering=1, asked=3
    )
    harbour.run_to("Stable")
    harbour.tick()
    assert harbour.condition("Available") == ("True", "Serving")
    for kind, status in (("Ready", "False"), ("Reconciling", "True"), ("Degraded", "True")):
        assert harbour.condition(kind) == (status, "Unschedulable")
    answer(harbour, harbour.stable, 3)
    harbour.tick()
    assert harbour.condition("Ready") == ("True", "FirstRevision")


def test_more_servers_that_an_autoscaler_asks_for_leave_it_ready() -> None:
    harbour = live(make_deployment(scaling={"min": 2, "max": 8}))
    answer(harbour, harbour.stable, 2, asked=5)
    harbour.tick()
    assert harbour.condition("Ready") == ("True", "FirstRevision")


@pytest.mark.parametrize(
    ("minimum", "maximum", "want"),
    [(3, None, Capacity(3)), (3, 3, Capacity(3)), (3, 9, Capacity(3, 9, 80))],
)
def test_an_autoscaler_is_there_only_where_it_can_choose(
    minimum: int, maximum: int | None, want: Capacity
) -> None:
    scaling = {"min": minimum} | ({} if maximum is None else {"max": maximum})
    assert plan(make_deployment(scaling=scaling), Status(), Observed(), Role.STABLE) == want


def on_the_way(servers: int, percent: int) -> Status:
    bounds = make_bounds(make_deployment().spec.rollout.analysis)
    step = StepInForce(index=0, weight=percent, min_duration=MINUTE, max_duration=MINUTE)
    rollout = RolloutStatus(
        revision="b",
        started_at="2026-01-01T00:00:00Z",  # type: ignore[arg-type]
        bounds=bounds,
        step=step,
        stable_replicas=servers,
    )
    return Status(phase=Phase.CANARY, stable="a", candidate="b", rollout=rollout)


@given(st.integers(1, 1000), st.integers(1, 99), st.integers(1, 1000))
def test_each_side_always_has_the_servers_for_its_share(servers: int, percent: int, minimum: int) -> None:
    """With the weight in force, and with all of it back on stable."""
    md, status = make_deployment(scaling={"min": minimum}), on_the_way(servers, percent)
    candidate, stable = (plan(md, status, Observed(), role).servers for role in (Role.CANDIDATE, Role.STABLE))
    everything = whole(md, status)
    assert stable == everything >= max(servers, minimum)
    assert candidate * 100 >= percent * everything
    assert (candidate - 1) * 100 < percent * everything, "not one more than that"


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_more_weight_never_means_fewer_servers(servers: int, one: int, other: int) -> None:
    md, status = make_deployment(), on_the_way(servers, 1)
    less, more = sorted((one, other))
    assert 1 <= servers_for(md, status, less) <= servers_for(md, status, more) <= servers
