"""From two readings of the counters to one interval that may be weighed, or the reason why it may not.

An interval counts only when nothing but the requests happened in it: same weights in force, same servers,
same router process, no gap. What does not count is dropped, never merged into its neighbour.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from fairway.api.status import Baseline
from fairway.core.model import Observed
from fairway.core.route import Counts, Route, Sample
from fairway.core.stats import LARGEST_COUNT, Interval

MAX_GAP_INTERVALS = 4
"""A reading that comes later than this many intervals leaves a gap; what happened in it is unknown."""

UNUSABLE = ""
"""Source of a reading that no interval may begin or end with."""

_MAX_SOURCE_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why an interval does not count, in words for a person."""

    reason: str


def take_baseline(
    sample: Sample, seen: Observed, route: Route, candidate: str, stable: str, now: datetime
) -> Baseline:
    """The start of an interval, or its end."""
    mine, theirs = sample.of(candidate), sample.of(stable)
    if not (_is_possible(mine) and _is_possible(theirs)):
        sample, mine, theirs = Sample(UNUSABLE), Counts(), Counts()
    return Baseline(
        at=now,
        source=_source(sample),
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
    if UNUSABLE in {start.source, end.source}:
        return Dropped("something else than requests happened, or a counter was impossible")
    if end.source != start.source:
        return Dropped("the router was restarted")
    if end.weight != start.weight:
        return Dropped("the weights changed")
    if is_gap(end.at - start.at, every):
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


def spoil(start: Baseline) -> Baseline:
    """The start of an interval that must not count: something happened in it that its end need not show."""
    return start.model_copy(update={"source": UNUSABLE})


def is_gap(duration: timedelta, every: timedelta) -> bool:
    """Whether so long a time between two readings is a gap."""
    return duration > MAX_GAP_INTERVALS * every + timedelta(seconds=1)


def _is_possible(counts: Counts) -> bool:
    return 0 <= counts.requests <= LARGEST_COUNT and 0 <= counts.failures <= LARGEST_COUNT


def _source(sample: Sample) -> str:
    if len(sample.source) <= _MAX_SOURCE_LENGTH:
        return sample.source
    return hashlib.sha256(sample.source.encode()).hexdigest()


def _difference(
    requests_end: int, requests_start: int, failures_end: int, failures_start: int
) -> Counts | None:
    requests, failures = requests_end - requests_start, failures_end - failures_start
    if requests < 0 or failures < 0:
        return None
    # The two counters are not read in one instant: a failure may be seen before its request.
    return Counts(requests=max(requests, failures), failures=failures)
