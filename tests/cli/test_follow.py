"""What became of a revision, as an exit code; CI jobs rely on every line of these tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from builders import START, make_deployment
from fairway.api.spec import Analysis
from fairway.api.status import (
    Condition,
    ConditionStatus,
    Outcome,
    Pause,
    PauseReason,
    Phase,
    RolloutStatus,
    Status,
    StepInForce,
    Transition,
    Weight,
)
from fairway.cli.exits import Exit
from fairway.cli.follow import at_timeout, end_of, revision_to_follow
from fairway.core.analysis import make_bounds

OLD, NEW, NEXT = "fraud-old", "fraud-new", "fraud-next"


def _stalled(reason: str) -> Condition:
    return _condition("Stalled", reason)


def _condition(kind: str, reason: str) -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=f"because of {reason}",
        observed_generation=1,
        last_transition_time=START,
    )


def _rollout(
    outcome: Outcome | None = None, *, ended: bool = True, pauses: tuple[Pause, ...] = ()
) -> RolloutStatus:
    return RolloutStatus(
        revision=NEW,
        from_revision=OLD,
        started_at=START,
        bounds=make_bounds(Analysis()),
        ended_at=START if ended and outcome else None,
        weight=Weight(declared=100),
        step=StepInForce(
            index=0, weight=10, min_duration=timedelta(seconds=1), max_duration=timedelta(seconds=2)
        ),
        pauses=pauses,
        outcome=outcome,
        message="the reason",
    )


def _back(outcome: Outcome, phase: Phase = Phase.ROLLED_BACK) -> Status:
    return Status(
        observed_generation=1, phase=phase, wanted=NEW, stable=OLD, rejected=(NEW,), rollout=_rollout(outcome)
    )


def _paused(reason: PauseReason) -> Status:
    pause = Pause(reason=reason, since=START, message=f"held: {reason}")
    return Status(
        observed_generation=1,
        phase=Phase.PAUSED,
        wanted=NEW,
        stable=OLD,
        candidate=NEW,
        rollout=_rollout(pauses=(pause,)),
    )


def _running(phase: Phase = Phase.CANARY, **changes: Any) -> Status:
    return Status(
        observed_generation=1, phase=phase, wanted=NEW, stable=OLD, candidate=NEW, rollout=_rollout()
    ).model_copy(update=changes)


def _stable(**changes: Any) -> Status:
    return Status(
        observed_generation=1,
        phase=Phase.STABLE,
        wanted=NEW,
        stable=NEW,
        conditions=(_condition("Available", "Serving"),),
    ).model_copy(update=changes)


@dataclass(frozen=True)
class Case:
    why: str
    status: Status
    want: Exit | None
    revision: str | None = NEW
    options: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("live", _stable(), Exit.OK),
    Case("live, and the next has begun already", _stable(phase=Phase.CANARY, wanted=NEXT), Exit.OK),
    Case("stable, but no router knows of it", _stable(conditions=()), None),
    Case(
        "stable, but no router can serve it",
        _stable(conditions=(_stalled("RouteRejected"),)),
        Exit.NEVER_READY,
    ),
    Case("not baked yet", _running(Phase.BAKING), None),
    Case("on its way", _running(), None),
    Case("sent back by evidence", _back(Outcome.REGRESSION), Exit.ROLLED_BACK),
    Case("its server died", _back(Outcome.CANDIDATE_LOST), Exit.ROLLED_BACK),
    Case(
        "still draining on its way back",
        _running(Phase.ROLLING_BACK, rollout=_rollout(Outcome.REGRESSION, ended=False)),
        None,
    ),
    Case(
        "sent back in an earlier life",
        Status(observed_generation=1, phase=Phase.ROLLED_BACK, wanted=NEW, stable=OLD, rejected=(NEW,)),
        Exit.ROLLED_BACK,
    ),
    Case("never ready", _back(Outcome.NEVER_READY, Phase.FAILED), Exit.NEVER_READY),
    Case(
        "first model cannot be served",
        _running(Phase.PROVISIONING, stable=None, conditions=(_stalled("ModelCannotBeServed"),)),
        Exit.NEVER_READY,
    ),
    Case(
        "model cannot be read",
        Status(observed_generation=1, conditions=(_stalled("ModelNotReadable"),)),
        Exit.NEVER_READY,
        revision=None,
    ),
    Case(
        "digest does not fit the pin",
        Status(observed_generation=1, conditions=(_stalled("ModelDigestMismatch"),)),
        Exit.NEVER_READY,
        revision=None,
    ),
    Case("content is still being read", Status(observed_generation=1), None, revision=None),
    Case("spec not looked at yet", Status(observed_generation=0, phase=Phase.STABLE, stable=NEW), None),
    Case("paused by a user", _paused(PauseReason.USER), None),
    Case(
        "paused by a user, who asked to hear",
        _paused(PauseReason.USER),
        Exit.PAUSED,
        options={"exit_on_pause": True},
    ),
    Case(
        "superseded",
        _stable(phase=Phase.CANARY, wanted=NEXT, stable=OLD, candidate=NEXT),
        Exit.SUPERSEDED,
    ),
    Case("spec is back at stable", _back(Outcome.REVERTED, Phase.STABLE), Exit.SUPERSEDED),
    Case("aborted", _back(Outcome.ABORTED), Exit.ABORTED),
    Case("gave up without a verdict", _back(Outcome.INCONCLUSIVE), Exit.INCONCLUSIVE),
    Case("held without a verdict", _paused(PauseReason.INCONCLUSIVE), Exit.INCONCLUSIVE),
    Case("held without traffic", _paused(PauseReason.NO_TRAFFIC), Exit.INCONCLUSIVE),
    Case("telemetry lost", _paused(PauseReason.TELEMETRY_LOST), None),
    Case(
        "telemetry lost, who asked to hear",
        _paused(PauseReason.TELEMETRY_LOST),
        Exit.TELEMETRY_LOST,
        options={"exit_on_pause": True},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_the_end_of_a_revision_has_one_exit_code(case: Case) -> None:
    md = make_deployment(status=case.status)
    end = end_of(md, case.revision, **case.options)
    assert (end.code if end else None) is case.want
    assert end is None or end.message


def test_a_rollback_is_remembered_after_the_next_rollout_began() -> None:
    """Whoever polls late must not take it for a success."""
    history = (
        _transition(Phase.CANARY, Phase.ROLLING_BACK, "Regression", NEW),
        _transition(Phase.ROLLED_BACK, Phase.PROVISIONING, "NewRevision", NEXT),
    )
    status = Status(
        observed_generation=1, phase=Phase.CANARY, wanted=NEXT, stable=OLD, candidate=NEXT, history=history
    )
    end = end_of(make_deployment(status=status), NEW)
    assert end
    assert (end.code, end.message) == (Exit.ROLLED_BACK, "the reason")


def _transition(before: Phase, after: Phase, event: str, revision: str) -> Transition:
    return Transition(
        at=START, from_phase=before, to=after, event=event, revision=revision, message="the reason"
    )


@pytest.mark.parametrize(
    ("status", "want"),
    [
        (_running(), Exit.TIMEOUT),
        (_paused(PauseReason.USER), Exit.PAUSED),
        (_paused(PauseReason.TELEMETRY_LOST), Exit.TELEMETRY_LOST),
    ],
    ids=["running", "paused", "telemetry lost"],
)
def test_the_time_being_up_has_three_names(status: Status, want: Exit) -> None:
    end = at_timeout(make_deployment(status=status))
    assert end.code is want
    assert "rollout" in end.message


def test_nothing_is_followed_before_fairway_looked_at_the_spec() -> None:
    status = Status(observed_generation=1, wanted=OLD, stable=OLD)
    assert revision_to_follow(make_deployment(generation=2, status=status)) is None
    assert revision_to_follow(make_deployment(generation=1, status=status)) == OLD


def test_the_codes_mean_what_they_always_meant() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "OK": 0,
        "ERROR": 1,
        "USAGE": 2,
        "ROLLED_BACK": 3,
        "NEVER_READY": 4,
        "TIMEOUT": 5,
        "PAUSED": 6,
        "SUPERSEDED": 7,
        "ABORTED": 8,
        "INCONCLUSIVE": 9,
        "TELEMETRY_LOST": 10,
        "INTERRUPTED": 130,
    }
