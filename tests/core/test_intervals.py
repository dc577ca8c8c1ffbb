from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import START
from fairway.core.intervals import Dropped, measure, take_baseline
from fairway.core.model import Health, Observed, WorkloadHealth
from fairway.core.route import Backend, Counts, Route, Sample
from fairway.core.stats import Interval
from harbour import READY, Harbour, rolling

ROUTE = Route("default", "m", 9000, (Backend("b", 100), Backend("a", 900)))
SEEN = Observed(workloads={"a": READY, "b": READY})
EVERY = timedelta(seconds=15)


def _sample(b: Counts, a: Counts, source: str = "router-1") -> Sample:
    return Sample(source, {"b": b, "a": a})


def _between(start: Sample, end: Sample, after: timedelta = EVERY) -> Interval | Dropped:
    first = take_baseline(start, SEEN, ROUTE, "b", "a", START)
    last = take_baseline(end, SEEN, ROUTE, "b", "a", START + after)
    return measure(first, last, SEEN, "b", "a", EVERY)


def test_an_interval_is_the_difference_of_two_readings() -> None:
    start = _sample(Counts(10, 1), Counts(100, 2))
    end = _sample(Counts(15, 3), Counts(140, 2))
    assert _between(start, end) == Interval(5, 2, 40, 0)


def test_a_revision_without_a_counter_stands_at_zero() -> None:
    assert _between(Sample("router-1"), _sample(Counts(5, 1), Counts(9, 0))) == Interval(5, 1, 9, 0)


def test_a_failure_seen_before_its_request_counts_as_one_request() -> None:
    assert _between(_sample(Counts(10, 0), Counts()), _sample(Counts(10, 2), Counts())) == Interval(
        2, 2, 0, 0
    )


@pytest.mark.parametrize(
    ("end", "after", "why"),
    [
        (_sample(Counts(20, 0), Counts(200, 0), "router-2"), EVERY, "router"),
        (_sample(Counts(9, 0), Counts(200, 0)), EVERY, "backwards"),
        (_sample(Counts(20, 0), Counts(99, 0)), EVERY, "backwards"),
        (_sample(Counts(20, 0), Counts(200, 0)), 5 * EVERY, "too long"),
    ],
    ids=["router restarted", "candidate's counter went back", "stable's counter went back", "gap"],
)
def test_what_was_not_counted_whole_is_dropped(end: Sample, after: timedelta, why: str) -> None:
    got = _between(_sample(Counts(10, 0), Counts(100, 0)), end, after)
    assert isinstance(got, Dropped)
    assert why in got.reason


_COUNTS = st.builds(Counts, st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))


@given(_COUNTS, _COUNTS, _COUNTS, _COUNTS)
def test_no_reading_however_absurd_is_an_error(a: Counts, b: Counts, c: Counts, d: Counts) -> None:
    got = _between(_sample(a, b), _sample(c, d))
    if isinstance(got, Interval):
        assert 0 <= got.candidate_failures <= got.candidate_requests
        assert 0 <= got.stable_failures <= got.stable_requests


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1, 10**16])
def test_an_impossible_number_spoils_its_interval(number: float) -> None:
    broken: Any = Counts(number, 0)  # type: ignore[arg-type]
    assert isinstance(_between(_sample(broken, Counts()), _sample(Counts(9, 0), Counts(9, 0))), Dropped)
    assert isinstance(_between(_sample(Counts(), Counts()), _sample(Counts(9, 0), broken)), Dropped)


def test_the_source_of_a_reading_may_have_any_length() -> None:
    """The status keeps it within 128 characters, and two long ones must still differ."""
    long = "pod/" * 100
    start, end = _sample(Counts(), Counts(), long + "1"), _sample(Counts(1, 0), Counts(), long + "2")
    assert len(take_baseline(start, SEEN, ROUTE, "b", "a", START).source) <= 128
    assert isinstance(_between(start, end), Dropped)


def _bad_requests_in_one_interval(disturb: Callable[[Harbour], None]) -> tuple[Harbour, int]:
    """A rollout in the middle of an interval in which the candidate fails a lot, then the disturbance."""
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=40))
    harbour.tick()
    before = harbour.rollout.evidence[0]
    harbour.traffic.failure_rate["b"] = 1.0
    harbour.pass_time(timedelta(seconds=4))
    disturb(harbour)
    harbour.traffic.failure_rate["b"] = 0.0
    harbour.step()
    harbour.run_while(
        lambda: (
            (e := harbour.rollout.evidence[0]).intervals == before.intervals
            and e.dropped_intervals == before.dropped_intervals
        )
    )
    return harbour, before.dropped_intervals


def _restart_router(harbour: Harbour) -> None:
    harbour.source = "router-2"
    harbour.counts = {}


def _restart_candidate(harbour: Harbour) -> None:
    harbour.restart(harbour.candidate)


def _restart_stable(harbour: Harbour) -> None:
    harbour.restart(harbour.stable)


def _reset_counters(harbour: Harbour) -> None:
    harbour.counts = {}


def _away_for_minutes(harbour: Harbour) -> None:
    harbour.pass_time(timedelta(minutes=5))


def _candidate_blinks(harbour: Harbour) -> None:
    """Not ready, and ready again before the counters are read."""
    for health in (WorkloadHealth(Health.STARTING), READY):
        harbour.set_health(harbour.candidate, health)
        harbour.tick()
        harbour.pass_time(timedelta(milliseconds=500))


def _stable_blinks(harbour: Harbour) -> None:
    for health in (WorkloadHealth(Health.STARTING), READY):
        harbour.set_health(harbour.stable, health)
        harbour.tick()
        harbour.pass_time(timedelta(milliseconds=500))


def _timeout_is_edited_back_and_forth(harbour: Harbour) -> None:
    for text in ("5s", "30s"):
        harbour.edit(traffic={"timeouts": {"request": text}})
        harbour.tick()
        harbour.pass_time(timedelta(milliseconds=500))


DISTURBANCES = [
    _restart_router,
    _restart_candidate,
    _restart_stable,
    _reset_counters,
    _away_for_minutes,
    _candidate_blinks,
    _stable_blinks,
    _timeout_is_edited_back_and_forth,
]


@pytest.mark.parametrize("disturb", DISTURBANCES)
def test_an_interval_with_a_disturbance_is_dropped_whole(disturb: Callable[[Harbour], None]) -> None:
    """What failed in it is not held against the candidate, nor added to the next interval."""
    harbour, dropped = _bad_requests_in_one_interval(disturb)
    harbour.run(timedelta(minutes=1))
    evidence = harbour.rollout.evidence[0]
    assert evidence.candidate_failures == 0
    assert evidence.dropped_intervals == dropped + 1
    assert harbour.status.phase == "Canary"


def test_without_a_disturbance_the_same_failures_count() -> None:
    harbour, _ = _bad_requests_in_one_interval(lambda _: None)
    assert harbour.rollout.evidence[0].candidate_failures > 0


def test_no_interval_straddles_a_change_of_weight() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=40))
    harbour.tick()
    harbour.traffic.failure_rate["b"] = 1.0
    harbour.pass_time(timedelta(seconds=5))
    harbour.ask("promote")
    harbour.traffic.failure_rate["b"] = 0.0
    harbour.run(timedelta(seconds=40))
    assert harbour.weight == 500
    assert harbour.rollout.evidence[0].candidate_failures == 0


_HOSTILE = st.builds(Counts, st.integers(-5, 2**80), st.integers(-5, 2**80))


@given(st.lists(st.tuples(_HOSTILE, _HOSTILE, st.text(max_size=300)), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_hostile_counters_never_stop_the_operator(readings: list[tuple[Counts, Counts, str]]) -> None:
    harbour = rolling("Canary")
    for mine, theirs, source in readings:
        sample = Sample(source, {harbour.candidate: mine, harbour.stable: theirs})
        harbour.spoil = lambda _, sample=sample: sample  # type: ignore[misc]
        harbour.step()
        if harbour.status.candidate is None:
            break
    assert harbour.status.phase in {"Canary", "RollingBack", "RolledBack"}
