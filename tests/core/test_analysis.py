from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import make_deployment
from fairway.core.analysis import make_bounds, thresholds
from fairway.core.route import Sample
from harbour import QUICK, Harbour, live, rolling

WATCHED = ["Canary", "Paused", "Baking"]


def _pause_reasons(harbour: Harbour) -> list[str]:
    return [pause.reason.value for pause in harbour.rollout.pauses]


def test_a_candidate_that_fails_more_often_than_stable_is_sent_back() -> None:
    harbour = rolling("Canary")
    harbour.traffic.failure_rate = {"a": 0.01, "b": 0.3}
    harbour.run_to("RolledBack", limit=timedelta(minutes=10))
    assert harbour.rollout.outcome == "Regression"
    assert "candidate failed" in harbour.rollout.message
    assert harbour.weight_of("a") == 1000


def test_an_incident_that_hits_both_sends_nobody_back() -> None:
    harbour = rolling("Canary")
    harbour.traffic.failure_rate = {"a": 0.2, "b": 0.2}
    harbour.run_to("Stable", "RolledBack")
    assert harbour.status.phase == "Stable"


def test_one_bad_interval_alone_never_convicts() -> None:
    """A pod that is lost takes its requests with it: that is not a bad model."""
    harbour = rolling("Canary")
    harbour.run(timedelta(minutes=1))
    harbour.tick()
    harbour.traffic.failure_rate["b"] = 1.0
    harbour.pass_time(timedelta(seconds=15))
    harbour.tick()
    harbour.traffic.failure_rate["b"] = 0.0
    assert harbour.rollout.evidence[0].candidate_failures > 10
    harbour.run(timedelta(minutes=1))
    assert harbour.status.candidate is not None


def test_evidence_is_kept_from_step_to_step() -> None:
    harbour = rolling("Canary")
    harbour.run_while(lambda: harbour.weight < 500)
    before = harbour.rollout.evidence[0]
    assert before.candidate_requests > 0
    harbour.run(timedelta(seconds=40))
    assert harbour.rollout.evidence[0].candidate_requests > before.candidate_requests


def test_a_new_candidate_begins_without_evidence() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(minutes=1))
    harbour.edit(uri="file:/models/c")
    harbour.run_while(lambda: harbour.letter(harbour.status.candidate) != "c")
    assert harbour.rollout.evidence == ()
    harbour.run_to("Canary")
    assert harbour.rollout.evidence == ()


@pytest.mark.parametrize("phase", WATCHED)
def test_lost_telemetry_holds_whatever_is_watched(phase: str) -> None:
    """Neither passed nor sent back, however long it lasts; a person hears of it."""
    harbour = rolling(phase)
    harbour.run(timedelta(seconds=20))
    harbour.telemetry = False
    weight = harbour.weight
    harbour.run(timedelta(hours=2))
    assert harbour.status.phase == ("Baking" if phase == "Baking" else "Paused")
    assert "TelemetryLost" in _pause_reasons(harbour)
    assert harbour.weight == weight
    assert harbour.condition("Degraded") == ("True", "TelemetryLost")
    assert harbour.condition("Paused")[0] == "True"


def test_a_reading_or_two_that_fail_are_no_lost_telemetry() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=20))
    harbour.telemetry = False
    harbour.run(timedelta(seconds=30))
    assert harbour.status.phase == "Canary"
    harbour.telemetry = True
    harbour.run(timedelta(seconds=20))
    assert harbour.rollout.telemetry_lost_since is None
    assert harbour.rollout.evidence[0].dropped_intervals == 0


def test_a_rollout_goes_on_by_itself_when_telemetry_returns() -> None:
    harbour = rolling("Canary")
    harbour.telemetry = False
    harbour.run_to("Paused")
    harbour.telemetry = True
    harbour.run_to("Stable")
    assert (harbour.rollout.outcome, harbour.letter(harbour.stable)) == ("Promoted", "b")
    assert [s.result for s in harbour.rollout.steps] == ["Safe", "Safe"]


@pytest.mark.parametrize("rps", [0.0, 20.0])
@pytest.mark.parametrize("away", ["telemetry", "operator"])
def test_time_in_which_nobody_watched_passes_no_step(rps: float, away: str) -> None:
    harbour = rolling("Canary", rollout={**QUICK, "steps": [{"weight": 1, "minDuration": "10m"}]})
    harbour.traffic.rps = rps
    harbour.run(timedelta(minutes=1))
    harbour.telemetry = away != "telemetry"
    if away == "operator":
        harbour.pass_time(timedelta(hours=3))
    else:
        harbour.run(timedelta(hours=3))
    harbour.telemetry = True
    harbour.run(timedelta(minutes=8))
    assert (harbour.status.phase, harbour.weight) == ("Canary", 10)
    harbour.run_to("Baking", limit=timedelta(hours=1))


@pytest.mark.parametrize("away", ["telemetry", "operator", "telemetry from the start"])
def test_time_in_which_nobody_watched_is_no_bake(away: str) -> None:
    harbour = rolling("Baking", rollout={**QUICK, "bake": {"duration": "10m"}})
    if away != "telemetry from the start":
        harbour.run(timedelta(minutes=1))
    harbour.telemetry = away == "operator"
    if away == "operator":
        harbour.pass_time(timedelta(hours=3))
    else:
        harbour.run(timedelta(hours=3))
    harbour.telemetry = True
    harbour.traffic.failure_rate["b"] = 0.2
    harbour.run_to("RolledBack", limit=timedelta(minutes=10))


def test_a_regression_in_the_bake_flips_back() -> None:
    harbour = rolling("Baking")
    harbour.traffic.failure_rate["b"] = 0.2
    harbour.run_to("RolledBack", limit=timedelta(minutes=2))
    assert harbour.rollout.outcome == "Regression"
    assert "after it took all traffic" in harbour.rollout.message
    assert (harbour.letter(harbour.stable), harbour.weight_of("a")) == ("a", 1000)


def test_a_bake_tolerates_what_stable_did_during_the_rollout() -> None:
    harbour = live(make_deployment(rollout={**QUICK, "bake": {"duration": "30m"}}))
    harbour.traffic.failure_rate = {"a": 0.05, "b": 0.05}
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    harbour.run(timedelta(minutes=10))
    harbour.ask("promote", full=True)
    harbour.run_to("Stable", "RolledBack")
    assert harbour.status.phase == "Stable"


def test_a_failed_reading_is_tried_again_after_an_interval() -> None:
    """Not half a minute later, when the interval is a second."""
    harbour = rolling("Canary", rollout={**QUICK, "analysis": {"interval": "1s"}})
    harbour.run(timedelta(seconds=5))
    harbour.telemetry = False
    for _ in range(3):
        assert harbour.tick().look_again <= timedelta(seconds=1)
        harbour.pass_time(timedelta(seconds=1))


def test_nothing_is_weighed_at_a_weight_that_is_not_in_force() -> None:
    """The step begins when the routers have taken its weight, not when it was decided."""
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=40))
    harbour.tick()
    before = harbour.rollout.evidence[0].intervals
    harbour.routers = False
    harbour.ask("promote")
    harbour.run(timedelta(minutes=30))
    assert harbour.rollout.step is not None
    assert (harbour.rollout.weight.declared, harbour.weight) == (500, 100)
    assert (harbour.rollout.step.started_at, harbour.rollout.evidence[0].intervals) == (None, before)
    harbour.routers = True
    harbour.run(timedelta(seconds=50))
    assert harbour.rollout.step.started_at is not None
    assert harbour.rollout.evidence[0].intervals > before


@pytest.mark.parametrize("phase", ["Canary", "Baking"])
def test_frozen_counters_are_no_evidence(phase: str) -> None:
    """A reading that never moves looks like no request at all, and adds nothing to what is known."""
    harbour = rolling(phase)
    harbour.run(timedelta(seconds=50))
    harbour.tick()
    frozen = Sample(harbour.source, dict(harbour.counts))
    before = harbour.rollout.evidence[0]
    harbour.spoil = lambda _: frozen
    harbour.run(timedelta(minutes=1))
    after = harbour.rollout.evidence[0]
    assert after.candidate_requests == before.candidate_requests
    assert after.safe_log10 == before.safe_log10


def _numbers(**analysis: Any) -> tuple[float, float]:
    spec = make_deployment(rollout={"analysis": analysis}).spec
    limits = thresholds(make_bounds(spec.rollout.analysis), guardrails=2)
    return limits.alpha, limits.beta


def test_guardrails_share_alpha_and_not_beta() -> None:
    """One of them may convict, all of them must be safe."""
    assert _numbers(alpha="0.1", beta="0.2") == (0.05, 0.2)
