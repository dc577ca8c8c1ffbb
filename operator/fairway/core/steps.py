"""Judges the step in force. Every step ends: with a verdict, or by what the spec says for want of one.

Requests flow, nothing arrives, and the counters cannot be read are three different things:
no requests at all pass the step at minDuration, unless earlier ones point to harm; too few for a verdict end
it at maxDuration; counters that cannot be read hold it, and neither pass it nor send the candidate back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fairway.api.spec import OnInconclusive, OnNoTraffic
from fairway.api.status import (
    FinishedStep,
    GuardrailVerdict,
    PauseReason,
    RolloutStatus,
    StepInForce,
    StepResult,
)
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import analysis
from fairway.core.clock import elapsed

_FRESH_INTERVALS = 2
_SURELY_SOME = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """At most one of the three is set; none means: go on watching."""

    passed: StepResult | None = None
    hold: PauseReason | None = None
    give_up: bool = False
    message: str = ""


WATCH_ON = Judgement()


def judge(md: ModelDeployment, rollout: RolloutStatus, now: datetime) -> Judgement:
    """What the step in force has come to."""
    step = rollout.step
    if step is None or step.started_at is None or not _is_fresh(md, rollout, now):
        return WATCH_ON
    age = elapsed(step.started_at, now)
    if age < step.min_duration:
        return WATCH_ON
    if analysis.verdict_of(rollout) is GuardrailVerdict.SAFE:
        return Judgement(passed=StepResult.SAFE, message=_summary(rollout))
    if step.requests == 0 and step.intervals > 0 and not analysis.points_to_harm(rollout):
        return _without_traffic(md, step)
    if age < step.max_duration:
        return WATCH_ON
    return _without_verdict(md, rollout, step)


def enter(md: ModelDeployment, index: int) -> StepInForce:
    """The step of that index, as the spec stands now."""
    step = md.spec.rollout.steps[index]
    return StepInForce(
        index=index, weight=step.weight, min_duration=step.min_duration, max_duration=step.max_duration
    )


def next_index(md: ModelDeployment, current: StepInForce | None) -> int | None:
    """Index of the first step with a greater weight than now; None when there is none left.

    By weight and not by position, so that an edit of the steps never lowers or repeats what was passed.
    """
    weight = current.weight if current else 0
    return next((i for i, step in enumerate(md.spec.rollout.steps) if step.weight > weight), None)


def finish(step: StepInForce, result: StepResult, now: datetime) -> FinishedStep:
    return FinishedStep(weight=step.weight, result=result, ended_at=now, requests=step.requests)


def _is_fresh(md: ModelDeployment, rollout: RolloutStatus, now: datetime) -> bool:
    if rollout.baseline is None or rollout.telemetry_lost_since is not None:
        return False
    return elapsed(rollout.baseline.at, now) <= _FRESH_INTERVALS * md.spec.rollout.analysis.interval


def _without_traffic(md: ModelDeployment, step: StepInForce) -> Judgement:
    if md.spec.rollout.analysis.on_no_traffic is OnNoTraffic.HOLD:
        return Judgement(
            hold=PauseReason.NO_TRAFFIC, message=f"no request came during the {step.weight} % step"
        )
    return Judgement(passed=StepResult.NO_TRAFFIC, message="no request came")


def _without_verdict(md: ModelDeployment, rollout: RolloutStatus, step: StepInForce) -> Judgement:
    if step.intervals == 0:
        return Judgement(
            hold=PauseReason.INCONCLUSIVE, message="not one interval of the step could be counted"
        )
    if _is_passed_by(rollout, step):
        words = f"the candidate got none of {step.requests} requests at {step.weight} %: a broken route?"
        return Judgement(hold=PauseReason.INCONCLUSIVE, message=words)
    choice = md.spec.rollout.analysis.on_inconclusive
    words = f"no verdict within maxDuration: {_summary(rollout)}"
    if choice is OnInconclusive.ROLLBACK:
        return Judgement(give_up=True, message=words)
    if choice is OnInconclusive.HOLD:
        return Judgement(hold=PauseReason.INCONCLUSIVE, message=words)
    if analysis.points_to_harm(rollout):
        return Judgement(hold=PauseReason.INCONCLUSIVE, message=f"{words}, and it points to harm")
    return Judgement(passed=StepResult.LITTLE_TRAFFIC, message=words)


def _is_passed_by(rollout: RolloutStatus, step: StepInForce) -> bool:
    """Whether it got nothing of ten requests or more that were its share: chance does that once in 20,000."""
    expected = step.requests * step.weight / 100
    return analysis.evidence_of(rollout).candidate_requests == 0 and expected >= _SURELY_SOME


def _summary(rollout: RolloutStatus) -> str:
    known = analysis.evidence_of(rollout)
    return (
        f"candidate failed {known.candidate_failures} of {known.candidate_requests}, "
        f"stable {known.stable_failures} of {known.stable_requests}"
    )
