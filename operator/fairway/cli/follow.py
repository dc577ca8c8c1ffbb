"""What has become of one revision, as an exit code. Pure; it follows the revision and not the object.

Following the object would let a later change turn a rollback into a success.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairway.api.status import ConditionStatus, Outcome, PauseReason, Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.core.phases import Event

_BY_OUTCOME = {
    Outcome.REGRESSION: Exit.ROLLED_BACK,
    Outcome.CANDIDATE_LOST: Exit.ROLLED_BACK,
    Outcome.NEVER_READY: Exit.NEVER_READY,
    Outcome.ABORTED: Exit.ABORTED,
    Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Outcome.SUPERSEDED: Exit.SUPERSEDED,
    Outcome.REVERTED: Exit.SUPERSEDED,
}
_BY_EVENT = {
    Event.REGRESSION: Exit.ROLLED_BACK,
    Event.CANDIDATE_LOST: Exit.ROLLED_BACK,
    Event.NEVER_READY: Exit.NEVER_READY,
    Event.ABORTED: Exit.ABORTED,
    Event.GAVE_UP: Exit.INCONCLUSIVE,
    Event.SUPERSEDED: Exit.SUPERSEDED,
    Event.REVERTED: Exit.SUPERSEDED,
}
_CANNOT_START = frozenset(
    {"ModelNotReadable", "ModelDigestMismatch", "ModelContentChanged", "ModelCannotBeServed", "RouteRejected"}
)


@dataclass(frozen=True, slots=True)
class End:
    """How following a revision ended, and one sentence about it."""

    code: Exit
    message: str


def revision_to_follow(md: ModelDeployment) -> str | None:
    """The revision that the newest spec stands for; None until Fairway has looked at that spec."""
    if md.status.observed_generation < md.metadata.generation:
        return None
    return md.status.wanted


def end_of(md: ModelDeployment, revision: str | None, *, exit_on_pause: bool = False) -> End | None:
    """How it ended for this revision; None while that is open.

    Args:
        md: the newest resource.
        revision: as `revision_to_follow` said when the following began; None when it said nothing yet.
        exit_on_pause: whether a rollout that a person or lost telemetry holds counts as an end.
    """
    status = md.status
    if status.observed_generation < md.metadata.generation:
        return None
    if revision is None:
        return _cannot_start(status)
    settled = status.phase in {Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED}
    if status.stable == revision and (settled or status.wanted != revision):  # what comes next may have begun
        return End(Exit.OK, f"{revision} is live") if _is_served(status) else _cannot_start(status)
    if status.candidate == revision and status.phase is not Phase.ROLLING_BACK:
        return _running(status, exit_on_pause=exit_on_pause)
    return _gone(status, revision)


def at_timeout(md: ModelDeployment) -> End:
    """How to call it when the time is up."""
    reasons = _pause_reasons(md.status)
    if PauseReason.TELEMETRY_LOST in reasons:
        return End(Exit.TELEMETRY_LOST, "the counters cannot be read; the rollout is held")
    if reasons:
        return End(Exit.PAUSED, "the rollout is paused; it goes on when it is resumed")
    return End(Exit.TIMEOUT, f"still {md.status.phase.value}: {md.status.message}; the rollout goes on")


def _is_served(status: Status) -> bool:
    """Live means that the routers have said so: a first revision is stable a moment before its route is."""
    available = status.condition("Available")
    return available is not None and available.status is ConditionStatus.TRUE


def _running(status: Status, *, exit_on_pause: bool) -> End | None:
    reasons = _pause_reasons(status)
    words = "; ".join(p.message for p in status.rollout.pauses) if status.rollout else ""
    if reasons & {PauseReason.INCONCLUSIVE, PauseReason.NO_TRAFFIC}:
        return End(Exit.INCONCLUSIVE, words)
    if exit_on_pause and PauseReason.TELEMETRY_LOST in reasons:
        return End(Exit.TELEMETRY_LOST, words)
    if exit_on_pause and reasons:
        return End(Exit.PAUSED, words)
    return _cannot_start(status) if status.stable is None else None


def _cannot_start(status: Status) -> End | None:
    stalled = status.condition("Stalled")
    if stalled is None or stalled.status is not ConditionStatus.TRUE or stalled.reason not in _CANNOT_START:
        return None
    return End(Exit.NEVER_READY, stalled.message)


def _gone(status: Status, revision: str) -> End | None:
    """It was a candidate and is none any more, or it is on its way back: how that came is remembered."""
    rollout = status.rollout
    if rollout is not None and rollout.revision == revision:
        code = _BY_OUTCOME.get(rollout.outcome) if rollout.outcome else None
        if code is None or (rollout.ended_at is None and status.candidate == revision):
            return None
        return End(code, rollout.message)
    for entry in reversed(status.history):
        if entry.revision == revision and (code := _BY_EVENT.get(Event(entry.event))) is not None:
            return End(code, entry.message)
    if revision in status.rejected:
        return End(Exit.ROLLED_BACK, f"{revision} was sent back before; `fairway retry` tries it again")
    if revision != status.wanted:
        return End(Exit.SUPERSEDED, f"the spec now asks for {status.wanted or 'something else'}")
    return None


def _pause_reasons(status: Status) -> set[PauseReason]:
    if status.rollout is None or status.candidate is None:
        return set()
    return {p.reason for p in status.rollout.pauses}
