"""How long a revision on its way out is kept for the answers that it still owes."""

from __future__ import annotations

from datetime import timedelta

from fairway.core.model import Decision, Health, WorkloadHealth
from harbour import rolling

TIMEOUT = timedelta(seconds=30)


def _keeps(decision: Decision, revision: str) -> bool:
    return decision.keep is None or revision in decision.keep


def test_answers_have_the_whole_request_timeout_after_the_last_request_was_sent() -> None:
    """A router that is late sends requests long after the decision; they are owed an answer too."""
    harbour = rolling("Canary")
    candidate = harbour.candidate
    harbour.active = None
    harbour.routers = False
    harbour.ask("abort")
    harbour.pass_time(2 * TIMEOUT)
    harbour.tick()
    harbour.routers = True
    harbour.tick()
    assert harbour.weight_of("b") == 0
    harbour.tick()
    assert harbour.status.phase == "RollingBack"
    harbour.pass_time(TIMEOUT - timedelta(seconds=1))
    assert _keeps(harbour.tick(), candidate)
    assert harbour.status.phase == "RollingBack"
    harbour.pass_time(timedelta(seconds=2))
    harbour.run_to("RolledBack", limit=timedelta(seconds=5))


def test_stable_keeps_the_whole_request_timeout_after_it_helped_out_in_the_bake() -> None:
    """A candidate that is not ready for a moment hands its requests back; they are owed an answer too."""
    harbour = rolling("Baking", rollout={"bake": {"duration": "60s"}})
    stable, candidate = harbour.stable, harbour.candidate
    harbour.active = None
    harbour.pass_time(2 * TIMEOUT)
    harbour.set_health(candidate, WorkloadHealth(Health.STARTING))
    harbour.tick()
    assert harbour.weight_of("a") == 1000
    harbour.tick()
    harbour.set_health(candidate, WorkloadHealth(Health.READY))
    harbour.tick()
    harbour.tick()
    assert harbour.weight_of("b") == 1000
    harbour.pass_time(TIMEOUT - timedelta(seconds=1))
    assert _keeps(harbour.tick(), stable)
    assert harbour.status.phase == "Baking"
    harbour.pass_time(2 * TIMEOUT)
    harbour.run_to("Stable", limit=timedelta(minutes=2))
