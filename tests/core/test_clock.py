from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import START
from fairway.core.clock import ZERO, elapsed, reanchor
from harbour import QUICK, Harbour, rolling

HOUR = timedelta(hours=1)
PHASES = ["Provisioning", "Warming", "Canary", "Paused", "Promoting", "Baking", "RollingBack", "RolledBack"]
SLOW = {
    "steps": [{"weight": 10, "minDuration": "10m"}, {"weight": 50, "minDuration": "10m"}],
    "bake": {"duration": "20m"},
}


@given(st.datetimes(), st.datetimes())
def test_no_time_is_ever_negative(since: datetime, now: datetime) -> None:
    assert elapsed(since, now) == max(ZERO, now - since)


def test_nothing_has_elapsed_since_a_moment_that_never_was() -> None:
    assert elapsed(None, START) == ZERO


def _times_of_progress(harbour: Harbour) -> list[tuple[str, timedelta]]:
    """When each further phase was reached, in time that really passed, until Stable."""
    reached: list[tuple[str, timedelta]] = []
    begun = harbour.age
    end = begun + timedelta(hours=6)
    while harbour.status.phase != "Stable" and harbour.age < end:
        before = (harbour.status.phase, harbour.weight)
        harbour.step()
        if (harbour.status.phase, harbour.weight) != before:
            reached.append((harbour.status.phase.value, harbour.age - begun))
    return reached


@pytest.mark.parametrize("back", [timedelta(seconds=7), HOUR, timedelta(days=400)])
@pytest.mark.parametrize("phase", ["Warming", "Canary", "Promoting", "Baking"])
def test_a_clock_that_is_set_back_promotes_no_earlier_and_does_not_hang(phase: str, back: timedelta) -> None:
    right, wrong = rolling(phase, rollout=SLOW), rolling(phase, rollout=SLOW)
    for harbour in (right, wrong):
        harbour.traffic.rps = 200.0
        harbour.run(timedelta(minutes=4))
        harbour.tick()
    wrong.now -= back
    on_time, late = _times_of_progress(right), _times_of_progress(wrong)
    assert [phase for phase, _ in late] == [phase for phase, _ in on_time]
    assert late[-1][0] == "Stable"
    for (_, then), (_, later) in zip(on_time, late, strict=True):
        assert later >= then - timedelta(seconds=15)  # a reading may come up to an interval sooner or later


@pytest.mark.parametrize("phase", PHASES)
def test_a_rollout_ends_although_the_clock_is_set_back_in_any_phase(phase: str) -> None:
    harbour = rolling(phase)
    harbour.now -= HOUR
    if phase == "Provisioning":
        harbour.run_to("Failed", limit=timedelta(minutes=11))
    elif phase == "Paused":
        harbour.run(timedelta(hours=2))
        assert harbour.status.phase == "Paused"
        harbour.ask("resume")
        harbour.run_to("Stable")
    else:
        harbour.run_to("Stable", "RolledBack", limit=timedelta(hours=2))


@pytest.mark.parametrize("phase", ["Canary", "Paused", "Baking"])
def test_guardrails_go_on_at_once_after_the_clock_was_set_back(phase: str) -> None:
    harbour = rolling(phase)
    harbour.run(timedelta(minutes=1))
    harbour.now -= HOUR
    harbour.traffic.failure_rate["b"] = 0.5
    harbour.run_to("RolledBack", limit=timedelta(minutes=4))


def test_a_clock_that_jumps_ahead_passes_no_step_and_no_bake() -> None:
    harbour = rolling("Canary", rollout=SLOW)
    harbour.run(timedelta(minutes=1))
    harbour.now += HOUR
    harbour.run(timedelta(minutes=8))
    assert (harbour.status.phase, harbour.weight) == ("Canary", 100)
    harbour.run_to("Baking")
    harbour.run(timedelta(minutes=1))
    harbour.now += HOUR
    harbour.run(timedelta(minutes=17))
    assert harbour.status.phase == "Baking"


def test_a_status_whose_times_have_passed_is_left_alone() -> None:
    harbour = rolling("Canary", rollout=QUICK)
    harbour.run(timedelta(minutes=1))
    assert reanchor(harbour.status, harbour.now) == harbour.status


@pytest.mark.parametrize("phase", PHASES)
def test_no_remembered_time_that_matters_lies_in_the_future_after_reanchoring(phase: str) -> None:
    harbour = rolling(phase)
    harbour.run(timedelta(seconds=20))
    now = harbour.now - HOUR
    status = reanchor(harbour.status, now)
    assert status.phase_since is not None
    assert status.phase_since <= now
    assert status.rollout is not None
    times = [status.rollout.telemetry_lost_since, status.rollout.unready_since]
    if status.rollout.step is not None:
        times.append(status.rollout.step.started_at)
    if status.rollout.baseline is not None:
        times.append(status.rollout.baseline.at)
    assert all(time is None or time <= now for time in times)
