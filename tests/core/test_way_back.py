"""How long a candidate on its way back is kept for the answers that it still owes."""

from __future__ import annotations

from datetime import timedelta

from fairway.core.model import Decision
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
