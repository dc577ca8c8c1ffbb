from __future__ import annotations

from datetime import timedelta

import pytest

from fairway.core.model import Health, WorkloadHealth
from harbour import Harbour, rolling


def _reasons(harbour: Harbour) -> list[str]:
    return [pause.reason.value for pause in harbour.rollout.pauses]


def test_a_paused_rollout_goes_nowhere_however_good_the_candidate_is() -> None:
    harbour = rolling("Paused")
    harbour.run(timedelta(hours=8))
    assert (harbour.status.phase, harbour.weight) == ("Paused", 100)
    assert harbour.rollout.evidence[0].verdict == "Safe"


def test_guardrails_keep_running_during_a_pause() -> None:
    harbour = rolling("Paused")
    harbour.traffic.failure_rate["b"] = 0.3
    harbour.run_to("RolledBack", limit=timedelta(minutes=5))
    assert harbour.rollout.outcome == "Regression"


def test_a_candidate_that_dies_during_a_pause_is_sent_back() -> None:
    harbour = rolling("Paused")
    harbour.set_health(harbour.candidate, WorkloadHealth(Health.STARTING))
    harbour.run_to("RolledBack", limit=timedelta(minutes=2))


def test_resume_goes_on_where_it_was() -> None:
    harbour = rolling("Paused")
    harbour.run(timedelta(minutes=20))
    harbour.ask("resume")
    harbour.run_to("Stable")
    assert harbour.rollout.outcome == "Promoted"


def test_a_pause_before_the_first_step_holds_the_candidate_at_no_traffic() -> None:
    harbour = rolling("Provisioning")
    harbour.ask("pause")
    harbour.set_health(harbour.candidate, WorkloadHealth(Health.READY))
    harbour.run(timedelta(hours=1))
    assert (harbour.status.phase, harbour.weight) == ("Warming", 0)
    harbour.ask("resume")
    harbour.run_to("Canary")


def test_a_pause_in_the_bake_keeps_the_old_revision_warm() -> None:
    harbour = rolling("Baking")
    harbour.ask("pause")
    harbour.run(timedelta(hours=3))
    assert harbour.status.phase == "Baking"
    assert harbour.stable in harbour.workloads
    harbour.ask("resume")
    harbour.run_to("Stable", limit=timedelta(minutes=1))


def test_a_users_pause_outlasts_the_return_of_telemetry() -> None:
    harbour = rolling("Paused")
    harbour.telemetry = False
    harbour.run(timedelta(minutes=5))
    assert set(_reasons(harbour)) == {"User", "TelemetryLost"}
    harbour.telemetry = True
    harbour.run(timedelta(minutes=1))
    assert (harbour.status.phase, _reasons(harbour)) == ("Paused", ["User"])


def test_resume_does_not_make_telemetry_come_back() -> None:
    harbour = rolling("Canary")
    harbour.telemetry = False
    harbour.run_to("Paused")
    harbour.ask("resume")
    harbour.run(timedelta(minutes=5))
    assert (harbour.status.phase, _reasons(harbour)) == ("Paused", ["TelemetryLost"])


def test_a_pause_says_since_when() -> None:
    harbour = rolling("Paused")
    since = harbour.rollout.pauses[0].since
    harbour.run(timedelta(minutes=10))
    assert harbour.rollout.pauses[0].since == since


@pytest.mark.parametrize("phase", ["RolledBack", "Stable"])
def test_nothing_is_held_after_the_end(phase: str) -> None:
    harbour = rolling("Paused")
    harbour.telemetry = False
    harbour.run(timedelta(minutes=5))
    if phase == "RolledBack":
        harbour.ask("abort")
    else:
        harbour.telemetry = True
        harbour.ask("promote", full=True)
    harbour.run_to(phase)
    harbour.tick()
    assert harbour.rollout.pauses == ()
    assert harbour.condition("Paused") == ("False", "NotPaused")
