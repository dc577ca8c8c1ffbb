"""Why a rollout is held. Guardrails keep running meanwhile; a pause never protects a bad candidate."""

from __future__ import annotations

from datetime import datetime

from fairway.api.status import GuardrailVerdict, Pause, PauseReason, Phase, RolloutStatus, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import analysis
from fairway.core.requests import Verb
from fairway.core.steps import judge


def settle(md: ModelDeployment, status: Status, verb: Verb | None, now: datetime) -> Status:
    """The status with the reasons to hold as they are now."""
    rollout = status.rollout
    if rollout is None or status.candidate is None:
        return status
    if verb is Verb.RESUME:
        rollout = _resumed(rollout)
    held = {p.reason: p for p in rollout.pauses}
    if verb is Verb.PAUSE:
        held.setdefault(
            PauseReason.USER, Pause(reason=PauseReason.USER, since=now, message="paused by a user")
        )
    for reason, message in _found(md, status, rollout, now).items():
        held.setdefault(reason, Pause(reason=reason, since=now, message=message[:1024]))
    kept = tuple(p for p in held.values() if not _is_over(md, p.reason, rollout, now))
    if kept == rollout.pauses and rollout is status.rollout:
        return status
    return status.model_copy(update={"rollout": rollout.model_copy(update={"pauses": kept})})


def _found(
    md: ModelDeployment, status: Status, rollout: RolloutStatus, now: datetime
) -> dict[PauseReason, str]:
    found: dict[PauseReason, str] = {}
    if analysis.telemetry_lost(md, rollout, now):
        found[PauseReason.TELEMETRY_LOST] = "the routers' counters cannot be read"
    if status.phase is Phase.CANARY:
        judgement = judge(md, rollout, now)
        if judgement.hold is not None:
            found[judgement.hold] = judgement.message
    return found


def _is_over(md: ModelDeployment, reason: PauseReason, rollout: RolloutStatus, now: datetime) -> bool:
    if reason is PauseReason.TELEMETRY_LOST:
        return not analysis.telemetry_lost(md, rollout, now)
    if reason is PauseReason.NO_TRAFFIC:
        return rollout.step is not None and rollout.step.requests > 0
    if reason is PauseReason.INCONCLUSIVE:
        return analysis.verdict_of(rollout) is GuardrailVerdict.SAFE or _would_end(md, rollout, now)
    return False


def _would_end(md: ModelDeployment, rollout: RolloutStatus, now: datetime) -> bool:
    """Whether the held step would end by itself now: it was counted after all, or the spec asks for less."""
    judgement = judge(md, rollout, now)
    return judgement.passed is not None or judgement.give_up


def _resumed(rollout: RolloutStatus) -> RolloutStatus:
    """A person lets it go on: what only a person can lift is lifted, and the step is watched once more."""
    kept = tuple(p for p in rollout.pauses if p.reason is PauseReason.TELEMETRY_LOST)
    lifted = {p.reason for p in rollout.pauses} & {PauseReason.INCONCLUSIVE, PauseReason.NO_TRAFFIC}
    step = rollout.step
    if lifted and step is not None:
        step = step.model_copy(update={"started_at": None, "requests": 0, "intervals": 0})
    return rollout.model_copy(
        update={"pauses": kept, "step": step, "baseline": None if lifted else rollout.baseline}
    )
