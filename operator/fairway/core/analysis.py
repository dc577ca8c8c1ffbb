"""Weighs the counters: evidence grows by one interval at a time and is kept over all steps of a rollout."""

from __future__ import annotations

from datetime import datetime, timedelta

from fairway.api.spec import Analysis
from fairway.api.status import Baseline, Bounds, Evidence, GuardrailVerdict, Phase, RolloutStatus, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import bake_guard, stats
from fairway.core.clock import ZERO, elapsed, not_counting
from fairway.core.intervals import UNUSABLE, Dropped, is_gap, measure, spoil, take_baseline
from fairway.core.model import Observed
from fairway.core.route import TOTAL_WEIGHT, Route

ERRORS = "errors"
TELEMETRY_LOST_INTERVALS = 3
_WEIGHED = frozenset({Phase.CANARY, Phase.PAUSED, Phase.BAKING})


def thresholds(bounds: Bounds, guardrails: int = 1) -> stats.Thresholds:
    """The rollout's numbers for one of several guardrails, which share alpha between them."""
    return stats.Thresholds(
        alpha=bounds.alpha / guardrails,
        beta=bounds.beta,
        tolerate=bounds.tolerate,
        safe_margin=bounds.safe_margin,
        negligible=bounds.negligible,
    )


def make_bounds(analysis: Analysis) -> Bounds:
    """The spec's numbers as they stand now."""
    return Bounds.model_construct(
        alpha=analysis.alpha,
        beta=analysis.beta,
        negligible=analysis.negligible,
        tolerate=analysis.tolerate,
        safe_margin=analysis.safe_margin,
    )


def sample_due(md: ModelDeployment, status: Status, now: datetime) -> bool:
    """Whether the counters should be read now."""
    if status.phase not in _WEIGHED or status.rollout is None or status.stable is None:
        return False
    baseline = status.rollout.baseline
    return baseline is None or elapsed(baseline.at, now) >= md.spec.rollout.analysis.interval


def next_sample_in(md: ModelDeployment, status: Status, now: datetime) -> timedelta | None:
    """Time until the next reading, or the next try of one that is due; None outside of a watched phase."""
    if status.phase not in _WEIGHED or status.rollout is None:
        return None
    interval, baseline = md.spec.rollout.analysis.interval, status.rollout.baseline
    left = interval - elapsed(baseline.at, now) if baseline is not None else ZERO
    return left if left > ZERO else interval


def telemetry_lost(md: ModelDeployment, rollout: RolloutStatus, now: datetime) -> bool:
    """Whether the counters have been unreadable for so long that a person should know."""
    patience = TELEMETRY_LOST_INTERVALS * md.spec.rollout.analysis.interval
    return rollout.telemetry_lost_since is not None and elapsed(rollout.telemetry_lost_since, now) >= patience


def weigh(md: ModelDeployment, status: Status, seen: Observed, route: Route | None, now: datetime) -> Status:
    """The status with the newest interval weighed, if one is due and counts."""
    rollout = status.rollout
    if rollout is None or route is None:
        return status
    if not sample_due(md, status, now):
        return _spoil_if_disturbed(status, rollout, seen, route)
    if seen.sample is None:
        lost_since = rollout.telemetry_lost_since or now
        return _with(status, rollout, telemetry_lost_since=lost_since)
    if seen.route.programmed != route or status.candidate is None or status.stable is None:
        return _with(status, rollout, telemetry_lost_since=None, baseline=None)
    if seen.health(status.candidate).ready and route.weight_of(status.candidate) != rollout.weight.declared:
        # It waits for servers: what is counted at a smaller weight is not the step's.
        return _with(status, rollout, telemetry_lost_since=None, baseline=None)
    end = take_baseline(seen.sample, seen, route, status.candidate, status.stable, now)
    if is_gap(unwatched := elapsed(_watched_until(rollout), now), md.spec.rollout.analysis.interval):
        status = not_counting(status, unwatched)
        rollout = status.rollout or rollout
    if rollout.baseline is None:
        return _with(status, rollout, telemetry_lost_since=None, baseline=end, step=_started(rollout, now))
    return _weigh_interval(md, status, rollout, seen, rollout.baseline, end)


def evidence_of(rollout: RolloutStatus, guardrail: str = ERRORS) -> Evidence:
    """What is known so far; empty when nothing is."""
    return next((e for e in rollout.evidence if e.name == guardrail), Evidence(name=guardrail))


def verdict_of(rollout: RolloutStatus) -> GuardrailVerdict:
    """The verdict over all guardrails: one regression convicts, all must be safe."""
    verdicts = [e.verdict for e in rollout.evidence]
    if GuardrailVerdict.REGRESSION in verdicts:
        return GuardrailVerdict.REGRESSION
    if verdicts and all(v is GuardrailVerdict.SAFE for v in verdicts):
        return GuardrailVerdict.SAFE
    return GuardrailVerdict.RUNNING


def points_to_harm(rollout: RolloutStatus) -> bool:
    """Whether some guardrail leans towards harm without convicting."""
    return any(stats.points_to_harm(_known(e)) for e in rollout.evidence)


def _weigh_interval(
    md: ModelDeployment,
    status: Status,
    rollout: RolloutStatus,
    seen: Observed,
    start: Baseline,
    end: Baseline,
) -> Status:
    candidate, stable = status.candidate or "", status.stable or ""
    interval = measure(start, end, seen, candidate, stable, md.spec.rollout.analysis.interval)
    evidence = evidence_of(rollout)
    limits = thresholds(rollout.bounds)
    if isinstance(interval, Dropped):
        evidence = evidence.model_copy(update={"dropped_intervals": evidence.dropped_intervals + 1})
        return _with(status, rollout, telemetry_lost_since=None, baseline=end, evidence=(evidence,))
    if status.phase is Phase.BAKING:
        evidence = _bake(evidence, interval, limits)
    else:
        evidence = _compare(evidence, interval, limits)
    requests = interval.candidate_requests + interval.stable_requests
    measured = round(TOTAL_WEIGHT * interval.candidate_requests / requests) if requests else None
    step = rollout.step
    return _with(
        status,
        rollout,
        telemetry_lost_since=None,
        baseline=end,
        evidence=(evidence,),
        step=step
        and step.model_copy(update={"requests": step.requests + requests, "intervals": step.intervals + 1}),
        weight=rollout.weight.model_copy(update={"measured": measured}),
    )


def _compare(evidence: Evidence, interval: stats.Interval, limits: stats.Thresholds) -> Evidence:
    known = stats.update(_known(evidence), interval, limits)
    return evidence.model_copy(
        update={
            "verdict": GuardrailVerdict(stats.verdict(known, limits).value),
            "regression_log10": round(stats.regression_log10(known), 4),
            "safe_log10": round(stats.safe_log10(known, limits), 4),
            "candidate_requests": known.candidate_requests,
            "candidate_failures": known.candidate_failures,
            "stable_requests": known.stable_requests,
            "stable_failures": known.stable_failures,
            "intervals": known.intervals,
            "regression": known.regression,
            "ratio": known.ratio,
        }
    )


def _bake(evidence: Evidence, interval: stats.Interval, limits: stats.Thresholds) -> Evidence:
    known = _known_bake(evidence, limits)
    known = bake_guard.update_bake(known, interval.candidate_requests, interval.candidate_failures, limits)
    convicted = bake_guard.bake_convicts(known, limits)
    return evidence.model_copy(
        update={
            "verdict": GuardrailVerdict.REGRESSION if convicted else evidence.verdict,
            "bake_limit": known.limit,
            "bake": known.logs,
            "bake_requests": known.requests,
            "bake_failures": known.failures,
        }
    )


def _known(evidence: Evidence) -> stats.Evidence:
    if not evidence.regression:
        return stats.Evidence.empty()
    return stats.Evidence(
        regression=evidence.regression,
        ratio=evidence.ratio,
        candidate_requests=evidence.candidate_requests,
        candidate_failures=evidence.candidate_failures,
        stable_requests=evidence.stable_requests,
        stable_failures=evidence.stable_failures,
        intervals=evidence.intervals,
    )


def _known_bake(evidence: Evidence, limits: stats.Thresholds) -> bake_guard.BakeEvidence:
    if evidence.bake_limit is None:
        return bake_guard.start_bake(_known(evidence), limits)
    return bake_guard.BakeEvidence(
        limit=evidence.bake_limit,
        logs=evidence.bake,
        requests=evidence.bake_requests,
        failures=evidence.bake_failures,
    )


def _spoil_if_disturbed(status: Status, rollout: RolloutStatus, seen: Observed, route: Route) -> Status:
    """An interval does not count either when all was well at both ends, but not in between."""
    start = rollout.baseline
    if start is None or start.source == UNUSABLE or status.phase not in _WEIGHED:
        return status
    ready = seen.health(status.candidate).ready and seen.health(status.stable).ready
    if ready and seen.route.programmed == route:
        return status
    return _with(status, rollout, baseline=spoil(start))


def _watched_until(rollout: RolloutStatus) -> datetime | None:
    return rollout.baseline.at if rollout.baseline is not None else rollout.telemetry_lost_since


def _started(rollout: RolloutStatus, now: datetime) -> object:
    step = rollout.step
    return (
        step.model_copy(update={"started_at": now}) if step is not None and step.started_at is None else step
    )


def _with(status: Status, rollout: RolloutStatus, **changes: object) -> Status:
    return status.model_copy(update={"rollout": rollout.model_copy(update=changes)})
