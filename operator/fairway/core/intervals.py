"""From two readings of the counters to one interval that may be weighed, or the reason why it may not.

An interval counts only when nothing but the requests happened in it: same weights in force, same servers,
same router process, no gap. What does not count is dropped, never merged into its neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fairway.api.status import Baseline
from fairway.core.model import Observed
from fairway.core.route import Counts, Route, Sample
from fairway.core.stats import Interval

MAX_GAP_INTERVALS = 4
"""A reading that comes later than this many intervals leaves a gap; what happened in it is unknown."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why an interval does not count, in words for a person."""

    reason: str


def take_baseline(
    sample: Sample, seen: Observed, route: Route, candidate: str, stable: str, now: datetime
) -> Baseline:
    """The start of an interval."""
    mine, theirs = sample.of(candidate), sample.of(stable)
    return Baseline(
        at=now,
        source=sample.source,
        weight=route.weight_of(candidate),
        candidate_requests=mine.requests,
        candidate_failures=mine.failures,
        stable_requests=theirs.requests,
        stable_failures=theirs.failures,
        candidate_restarts=seen.health(candidate).restarts,
        stable_restarts=seen.health(stable).restarts,
    )


def measure(
    start: Baseline, end: Baseline, seen: Observed, candidate: str, stable: str, every: timedelta
) -> Interval | Dropped:
    """What happened between two readings."""
    if end.source != start.source:
        return Dropped("the router was restarted")
    if end.weight != start.weight:
        return Dropped("the weights changed")
    if end.at - start.at > MAX_GAP_INTERVALS * every + timedelta(seconds=1):
        return Dropped("the counters were not read for too long")
    if (end.candidate_restarts, end.stable_restarts) != (start.candidate_restarts, start.stable_restarts):
        return Dropped("a server was restarted")
    if not (seen.health(candidate).ready and seen.health(stable).ready):
        return Dropped("a server was not ready")
    mine = _difference(
        end.candidate_requests, start.candidate_requests, end.candidate_failures, start.candidate_failures
    )
    theirs = _difference(
        end.stable_requests, start.stable_requests, end.stable_failures, start.stable_failures
    )
    if mine is None or theirs is None:
        return Dropped("a counter went backwards")
    return Interval(mine.requests, mine.failures, theirs.requests, theirs.failures)


def _difference(
    requests_end: int, requests_start: int, failures_end: int, failures_start: int
) -> Counts | None:
    requests, failures = requests_end - requests_start, failures_end - failures_start
    if requests < 0 or failures < 0:
        return None
    # The two counters are not read in one instant: a failure may be seen before its request.
    return Counts(requests=max(requests, failures), failures=failures)
