"""From an event to the next record. What the tables of phases allow is not decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fairway.api.status import (
    MAX_HISTORY,
    MAX_REVISIONS,
    Outcome,
    Pause,
    PauseReason,
    Phase,
    RolloutStatus,
    Status,
    StepResult,
    Transition,
    Weight,
)
from fairway.core import steps
from fairway.core.analysis import make_bounds
from fairway.core.capacity import at_start
from fairway.core.phases import TRANSITIONS, Event
from fairway.core.revisions import remember
from fairway.core.situation import Situation
from fairway.core.traffic import declared_weight
from fairway.core.words import LONG, SHORT, cut

_MAX_STEPS = 20
_AT_REST: dict[str, object] = {"pauses": (), "step": None, "baseline": None, "telemetry_lost_since": None}


def advance(s: Situation, event: Event, message: str) -> Status:
    """The status after this event: roles, record, phase, history."""
    before = s.status
    message = cut(message, LONG)
    after = EFFECTS[event](s, message) if event in EFFECTS else before
    phase = TRANSITIONS[before.phase][event]
    changes: dict[str, object] = {"phase": phase, "message": message}
    if phase is not before.phase:
        changes["phase_since"] = s.now
    entry = Transition(
        at=s.now,
        from_phase=before.phase,
        to=phase,
        event=event.value,
        revision=before.candidate or after.candidate,
        message=cut(message, SHORT),
    )
    changes["history"] = (*before.history, entry)[-MAX_HISTORY:]
    return _declare(after.model_copy(update=changes))


def _declare(status: Status) -> Status:
    """Write down the weight that phase and step stand for, before anybody programs it."""
    rollout = status.rollout
    if rollout is None or rollout.weight.declared == (declared := declared_weight(status)):
        return status
    weight = Weight(declared=declared, programmed=rollout.weight.programmed)
    return status.model_copy(
        update={"rollout": rollout.model_copy(update={"weight": weight, "baseline": None})}
    )


def _rollout(status: Status, **changes: object) -> Status:
    if status.rollout is None:
        return status
    return status.model_copy(update={"rollout": status.rollout.model_copy(update=changes)})


def _start(s: Situation, _message: str) -> Status:
    if s.wanted is None:
        return s.status
    status = s.status.model_copy(
        update={
            "candidate": s.wanted.name,
            "rollout": RolloutStatus(
                revision=s.wanted.name,
                from_revision=s.status.stable,
                started_at=s.now,
                bounds=make_bounds(s.md.spec.rollout.analysis),
                weight=Weight(),
                stable_replicas=at_start(s.md, s.status, s.seen),
            ),
        }
    )
    return status.model_copy(update={"revisions": remember(status, s.wanted)})


def _go_first(s: Situation, message: str) -> Status:
    status = _rollout(s.status, outcome=Outcome.FIRST_REVISION, ended_at=s.now, message=message)
    return status.model_copy(update={"stable": s.status.candidate, "candidate": None})


def _note_ready(s: Situation, _message: str) -> Status:
    return _rollout(
        s.status, restarts_at_start=s.candidate_health.restarts, unready_since=None, short_since=None
    )


def _enter_first_step(s: Situation, _message: str) -> Status:
    return _rollout(s.status, step=steps.enter(s.md, 0), baseline=None)


def _next_step(s: Situation, result: StepResult) -> Status:
    rollout = s.rollout
    finished = rollout.steps
    if rollout.step is not None:
        finished = (*finished, steps.finish(rollout.step, result, s.now))[-_MAX_STEPS:]
    index = steps.next_index(s.md, rollout.step)
    step = steps.enter(s.md, index) if index is not None else None
    return _rollout(
        s.status, steps=finished, step=step, baseline=None, pauses=_without_step_pauses(rollout.pauses)
    )


def _pass_step(s: Situation, _message: str) -> Status:
    judgement = steps.judge(s.md, s.rollout, s.now)
    return _next_step(s, judgement.passed or StepResult.FORCED)


def _force_step(s: Situation, _message: str) -> Status:
    status = _next_step(s, StepResult.FORCED)
    return _rollout(
        status, pauses=tuple(p for p in s.rollout.pauses if p.reason is PauseReason.TELEMETRY_LOST)
    )


def _promote_full(s: Situation, message: str) -> Status:
    return _rollout(_force_step(s, message), step=None)


def _without_step_pauses(pauses: tuple[Pause, ...]) -> tuple[Pause, ...]:
    return tuple(p for p in pauses if p.reason not in {PauseReason.INCONCLUSIVE, PauseReason.NO_TRAFFIC})


def _bake(s: Situation, _message: str) -> Status:
    return _rollout(s.status, baseline=None)


def _finish(s: Situation, message: str) -> Status:
    status = _rollout(s.status, outcome=_promotion(s.rollout), ended_at=s.now, message=message, baseline=None)
    return status.model_copy(
        update={"previous": s.status.stable, "stable": s.status.candidate, "candidate": None}
    )


def _promotion(rollout: RolloutStatus) -> Outcome:
    """The honest name of a promotion: evidence only where every step ended on evidence."""
    results = {step.result for step in rollout.steps}
    if StepResult.FORCED in results:
        return Outcome.PROMOTED_BY_USER
    if results == {StepResult.SAFE}:
        return Outcome.PROMOTED
    if results == {StepResult.NO_TRAFFIC}:
        return Outcome.PROMOTED_WITHOUT_TRAFFIC
    return Outcome.PROMOTED_ON_LITTLE_TRAFFIC


def _send_back(outcome: Outcome, *, reject: bool) -> Callable[[Situation, str], Status]:
    def effect(s: Situation, message: str) -> Status:
        status = _rollout(s.status, outcome=outcome, message=message, **_AT_REST)
        if reject and s.status.candidate not in {None, *s.status.rejected}:
            rejected = (*s.status.rejected, s.status.candidate)[-MAX_REVISIONS:]
            status = status.model_copy(update={"rejected": rejected})
        return status

    return effect


def _fail(s: Situation, message: str) -> Status:
    status = _send_back(Outcome.NEVER_READY, reject=True)(s, message)
    return _rollout(status, ended_at=s.now).model_copy(update={"candidate": None})


def _clear(s: Situation, _message: str) -> Status:
    return _rollout(s.status, ended_at=s.now).model_copy(update={"candidate": None})


def _revert(s: Situation, message: str) -> Status:
    if s.status.phase in {Phase.ROLLED_BACK, Phase.FAILED}:
        return s.status
    return _send_back(Outcome.REVERTED, reject=False)(s, message)


EFFECTS: Mapping[Event, Callable[[Situation, str], Status]] = {
    Event.ABORTED: _send_back(Outcome.ABORTED, reject=True),
    Event.REGRESSION: _send_back(Outcome.REGRESSION, reject=True),
    Event.CANDIDATE_LOST: _send_back(Outcome.CANDIDATE_LOST, reject=True),
    Event.GAVE_UP: _send_back(Outcome.INCONCLUSIVE, reject=True),
    Event.REVERTED: _revert,
    Event.SUPERSEDED: _send_back(Outcome.SUPERSEDED, reject=False),
    Event.NEVER_READY: _fail,
    Event.CLEARED_TO_STABLE: _clear,
    Event.CLEARED_TO_NOTHING: _clear,
    Event.CLEARED_TO_NEXT: _start,
    Event.CLEARED_REJECTED: _clear,
    Event.NEW_REVISION: _start,
    Event.FIRST_READY: _go_first,
    Event.READY: _note_ready,
    Event.WARMED: _enter_first_step,
    Event.PROMOTE_FULL: _promote_full,
    Event.STEP_FORCED: _force_step,
    Event.STEP_PASSED: _pass_step,
    Event.LAST_STEP_PASSED: _pass_step,
    Event.PROMOTED: _bake,
    Event.BAKED: _finish,
}
