"""What the verdict promises, checked exactly: by enumeration, against scipy, and for hostile inputs."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal, localcontext
from itertools import pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import nchypergeom_fisher  # type: ignore[import-untyped]

from fairway.core import hypergeometric
from fairway.core.hypergeometric import Margins, log_moments
from fairway.core.stats import (
    NEGLIGIBLE_GRID,
    RATIO_GRID,
    REGRESSION_GRID,
    Evidence,
    Interval,
    Thresholds,
    Verdict,
    bound_log10,
    negligible_log,
    points_to_harm,
    regression_log10,
    safe_log10,
    update,
    verdict,
)

DEFAULT = Thresholds()
EMPTY = Evidence.empty()
MARGINS = [Margins(3, 5, 4), Margins(1, 30, 2), Margins(40, 60, 7), Margins(200, 100, 12), Margins(9, 4, 11)]
counts = st.tuples(st.integers(0, 10**15), st.integers(0, 10**15)).map(sorted)
intervals = st.builds(
    lambda c, s: Interval(c[1], c[0], s[1], s[0]),
    st.one_of(counts, st.tuples(st.integers(0, 5), st.integers(5, 400))),
    st.one_of(counts, st.tuples(st.integers(0, 9), st.integers(9, 9000))),
)


def after(*seen: Interval, thresholds: Thresholds = DEFAULT) -> Evidence:
    evidence = EMPTY
    for interval in seen:
        evidence = update(evidence, interval, thresholds)
    return evidence


def exact_moment(margins: Margins, base: float, odds: float) -> float:
    """Log of M(odds) / M(base): every term of the definition, with 60 digits."""
    n, x, rest = margins.candidate, margins.failures, margins.stable - margins.failures
    with localcontext(prec=60, Emax=10**12, Emin=-(10**12)):
        weights = [Decimal(1)]
        for k in range(margins.low, margins.high):
            weights.append(weights[-1] * ((n - k) * (x - k)) / ((k + 1) * (rest + k + 1)))
        above, below = Decimal(0), Decimal(0)
        for weight in reversed(weights):
            above, below = above * Decimal(odds) + weight, below * Decimal(base) + weight
        return float(above.ln() - below.ln() + margins.low * (Decimal(odds).ln() - Decimal(base).ln()))


def law(margins: Margins, odds_ratio: float) -> list[tuple[Interval, float]]:
    """Every interval with these margins, with its probability: scipy's word, not ours."""
    total = margins.candidate + margins.stable
    ks = range(margins.low, margins.high + 1)
    chances = nchypergeom_fisher(total, margins.failures, margins.candidate, odds_ratio).pmf(list(ks))
    return [
        (Interval(margins.candidate, k, margins.stable, margins.failures - k), float(p))
        for k, p in zip(ks, chances, strict=True)
    ]


def test_one_failure_on_either_of_two_equal_arms_is_the_textbook_ratio() -> None:
    """One request each, one failure: it is the candidate's with probability odds/(1 + odds)."""
    evidence = after(Interval(1, 1, 1, 0), thresholds=replace(DEFAULT, tolerate=1.0))
    want = [math.log(g / (1 + g) * 2) for g in REGRESSION_GRID]
    assert evidence.regression == pytest.approx(want, abs=1e-15)
    want = [math.log((1.5 / g) / (1 + 1.5 / g) * (1 + 1.5) / 1.5) for g in RATIO_GRID]
    assert evidence.ratio == pytest.approx(want, abs=1e-15)


@pytest.mark.parametrize("margins", [*MARGINS, Margins(150, 150, 60), Margins(2, 10**7, 50)], ids=str)
def test_moments_equal_the_full_sum(margins: Margins) -> None:
    """Starting at the mode and stopping early loses nothing that matters."""
    odds = [0.125, 0.625, 1.5, 3.125, 12.5]
    got = log_moments(margins, math.log(1.125), [math.log(o) for o in odds])
    assert got == pytest.approx([exact_moment(margins, 1.125, o) for o in odds], abs=1e-12)


@pytest.mark.parametrize(
    ("margins", "odds"),
    [
        (Margins(3000, 500, 900), 11),
        (Margins(10**7, 10**7, 2000), 0.5),
        (Margins(10**7, 10**4, 3000), 4),
        (Margins(10**7, 10**7, 100_000), 11),
    ],
    ids=str,
)
def test_moments_of_large_intervals_equal_the_full_sum(margins: Margins, odds: float) -> None:
    """Counts far beyond a usual scrape keep nine digits after the point."""
    got = log_moments(margins, math.log(1.25), [math.log(odds)])
    assert got == pytest.approx([exact_moment(margins, 1.25, odds)], abs=1e-9)


@pytest.mark.parametrize("margins", MARGINS)
def test_factors_equal_the_likelihood_ratio_of_scipy(margins: Margins) -> None:
    """The same numbers from an implementation that is not ours."""
    tolerate, margin = 1.1, 1.5
    at = {o: law(margins, o) for o in (tolerate, margin)}
    for j, g in enumerate(REGRESSION_GRID):
        for (seen, p), (_, p0) in zip(law(margins, tolerate * g), at[tolerate], strict=True):
            want = min(math.log(p / p0), math.log(20) / 2)
            assert after(seen).regression[j] == pytest.approx(want, abs=1e-9)
    for j, g in enumerate(RATIO_GRID):
        for (seen, p), (_, p0) in zip(law(margins, margin / g), at[margin], strict=True):
            assert after(seen).ratio[j] == pytest.approx(math.log(p / p0), abs=1e-9)


@pytest.mark.parametrize(("margins", "odds"), list(product(MARGINS, (0.3, 1.0, 1.1))))
def test_regression_evidence_does_not_grow_on_average_while_harm_is_tolerated(
    margins: Margins, odds: float
) -> None:
    """E[factor] <= 1 for every odds ratio up to `tolerate`, cap included: so false rollbacks <= alpha."""
    for j in range(len(REGRESSION_GRID)):
        mean = sum(p * math.exp(after(seen).regression[j]) for seen, p in law(margins, odds))
        assert mean <= 1 + 1e-9


@pytest.mark.parametrize("margins", MARGINS)
def test_without_the_cap_the_regression_factor_has_mean_one_at_the_edge(margins: Margins) -> None:
    """Nothing is given away: at odds ratio `tolerate` the uncapped factor is a fair bet."""
    uncapped = replace(DEFAULT, alpha=1e-300)
    for j in range(len(REGRESSION_GRID)):
        mean = sum(
            p * math.exp(after(seen, thresholds=uncapped).regression[j]) for seen, p in law(margins, 1.1)
        )
        assert mean == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("margins", "odds"), list(product(MARGINS, (1.5, 2.0, 8.0))))
def test_safe_evidence_does_not_grow_on_average_beyond_the_margin(margins: Margins, odds: float) -> None:
    """E[factor] <= 1 for every odds ratio from `safe_margin` up: with Ville, false SAFE <= beta / 2."""
    for j in range(len(RATIO_GRID)):
        mean = sum(p * math.exp(after(seen).ratio[j]) for seen, p in law(margins, odds))
        assert mean <= 1 + 1e-9
        if odds == DEFAULT.safe_margin:
            assert mean == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("rate", "requests"), list(product((0.01, 0.02, 0.3, 1.0), (1, 7, 300))))
def test_the_absolute_bound_does_not_grow_on_average_above_negligible(rate: float, requests: int) -> None:
    """Summed over all outcomes: the second way to SAFE is an e-process for any rate from `negligible` up."""
    mean = 0.0
    for x in range(requests + 1):
        chance = math.comb(requests, x) * rate**x * (1 - rate) ** (requests - x)
        mean += chance * math.exp(negligible_log(requests, x, limit=0.01))
    assert mean <= 1 + 1e-9
    if rate == 0.01:
        assert mean == pytest.approx(1, abs=1e-9)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(intervals, max_size=20))
def test_what_the_absolute_bound_says_depends_on_totals_only(seen: list[Interval]) -> None:
    """No state is kept for it: the product over intervals is the value at the totals."""
    grid = [0.0] * (len(NEGLIGIBLE_GRID) - 1)  # without p = 0, which the first failure ends
    for i in seen:
        for j, g in enumerate(NEGLIGIBLE_GRID[:-1]):
            passed = i.candidate_requests - i.candidate_failures
            grid[j] += i.candidate_failures * math.log(g) + passed * math.log((1 - g * 0.01) / 0.99)
    requests, failures = sum(i.candidate_requests for i in seen), sum(i.candidate_failures for i in seen)
    if failures:
        top = max(grid)
        want = top + math.log(sum(math.exp(v - top) for v in grid) / len(NEGLIGIBLE_GRID))
        assert negligible_log(requests, failures, limit=0.01) == pytest.approx(want, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("beta", "needed"), [(0.05, 416), (0.1, 341)])
def test_a_model_that_never_fails_is_safe_after_a_known_number_of_requests(beta: float, needed: int) -> None:
    """Half of beta belongs to the absolute bound: 416 clean requests at 2.5 %, 341 at 5 %."""
    thresholds = replace(DEFAULT, beta=beta)
    assert verdict(after(Interval(needed - 1, 0, 0, 0)), thresholds) is Verdict.RUNNING
    assert verdict(after(Interval(needed, 0, 0, 0)), thresholds) is Verdict.SAFE


def test_a_negligible_rate_of_zero_switches_the_absolute_bound_off() -> None:
    """Then only the comparison with stable can show a model safe."""
    thresholds = replace(DEFAULT, negligible=0.0)
    assert verdict(after(Interval(10**9, 0, 0, 0)), thresholds) is Verdict.RUNNING
    assert verdict(after(Interval(10**4, 0, 10**4, 100)), thresholds) is Verdict.SAFE


@settings(deadline=None)  # the machine may be busy
@given(intervals, st.floats(1e-6, 0.5), st.floats(0.01, 1.5))
@example(Interval(3, 3, 297, 0), 0.05, 1.1)
@example(Interval(10**6, 10**6, 10**6, 0), 0.025, 1.1)
def test_one_interval_alone_never_convicts(interval: Interval, alpha: float, tolerate: float) -> None:
    """However bad: a lost pod in a single interval is not a bad model."""
    thresholds = Thresholds(alpha=alpha, tolerate=tolerate)
    assert verdict(after(interval, thresholds=thresholds), thresholds) is not Verdict.REGRESSION


@pytest.mark.parametrize(
    "interval", [Interval(50, 50, 50, 0), Interval(3, 3, 297, 3), Interval(150, 8, 150, 0)]
)
def test_three_terrible_intervals_convict(interval: Interval) -> None:
    """The cap delays a conviction by a scrape or two, no more."""
    assert verdict(after(interval, interval, interval), DEFAULT) is Verdict.REGRESSION


def test_regression_wins_where_both_are_proven() -> None:
    """Below the negligible rate and yet far worse than stable: the answer is never ambiguous."""
    seen = Interval(10_000, 40, 10_000, 1)
    evidence = after(seen, seen, seen)
    assert safe_log10(evidence, DEFAULT) > bound_log10(DEFAULT.beta)
    assert verdict(evidence, DEFAULT) is Verdict.REGRESSION


@settings(deadline=None)  # the machine may be busy
@given(st.lists(intervals, max_size=8))
@example([Interval(9, 9, 32, 0), Interval(15, 15, 14, 0)])  # exactly on the line
def test_verdicts_are_what_the_drawn_numbers_say(seen: list[Interval]) -> None:
    """People see two numbers and two lines; a verdict is a line crossed."""
    evidence = after(*seen)
    harm = regression_log10(evidence) >= bound_log10(DEFAULT.alpha)
    safe = safe_log10(evidence, DEFAULT) >= bound_log10(DEFAULT.beta)
    want = Verdict.REGRESSION if harm else Verdict.SAFE if safe else Verdict.RUNNING
    assert verdict(evidence, DEFAULT) is want


@pytest.mark.parametrize("margins", MARGINS)
def test_each_further_failure_of_the_candidate_is_more_evidence_of_harm(margins: Margins) -> None:
    """Monotone in the candidate's share: what makes the test one-sided."""
    seen = [after(i) for i, _ in law(margins, 1.0)]
    for fewer, more in pairwise(seen):
        assert all(b >= a for a, b in zip(fewer.regression, more.regression, strict=True))
        assert all(b < a for a, b in zip(fewer.ratio, more.ratio, strict=True))


@pytest.mark.parametrize(
    "interval",
    [
        Interval(0, 0, 300, 9),
        Interval(30, 4, 0, 0),
        Interval(30, 0, 270, 0),
        Interval(3, 3, 5, 5),
        Interval(0, 0, 0, 0),
    ],
    ids=["no candidate requests", "no stable requests", "no failures", "only failures", "nothing"],
)
def test_an_interval_with_one_possible_outcome_adds_to_the_totals_only(interval: Interval) -> None:
    """The totals feed the absolute bound; about a ratio there is nothing to learn."""
    before = after(Interval(30, 2, 270, 1))
    evidence = update(before, interval, DEFAULT)
    assert (evidence.regression, evidence.ratio) == (before.regression, before.ratio)
    assert evidence.candidate_requests == 30 + interval.candidate_requests
    assert evidence.candidate_failures == 2 + interval.candidate_failures
    assert evidence.stable_requests == 270 + interval.stable_requests
    assert evidence.stable_failures == 1 + interval.stable_failures
    assert evidence.intervals == 2


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(intervals, max_size=10),
    st.floats(1e-9, 0.999),
    st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)).map(sorted),
)
def test_evidence_survives_json_whatever_was_counted(
    seen: list[Interval], alpha: float, odds: list[float]
) -> None:
    """JSON knows no infinity: every number stays finite, for all counts and thresholds that are allowed."""
    thresholds = Thresholds(alpha=alpha, tolerate=odds[0], safe_margin=odds[1])
    evidence = after(*seen, thresholds=thresholds)
    stored = json.loads(json.dumps(asdict(evidence), allow_nan=False))
    restored = Evidence(**(stored | {k: tuple(stored[k]) for k in ("regression", "ratio")}))
    assert restored == evidence
    assert math.isfinite(regression_log10(evidence))
    assert math.isfinite(safe_log10(evidence, thresholds))


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 400), st.integers(0, 400), st.floats(0, 1), st.floats(0.05, 20), st.floats(0.05, 20))
def test_the_bound_for_huge_intervals_never_claims_more_than_the_exact_sum(
    candidate: int, stable: int, share: float, base: float, odds: float
) -> None:
    """A larger moment makes a smaller factor: evidence may be lost, never invented."""
    margins = Margins(candidate, stable, failures=round(share * (candidate + stable)))
    exact = log_moments(margins, math.log(base), [math.log(odds)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypergeometric, "WIDEST_EXACT_SUPPORT", 0)
        bound = log_moments(margins, math.log(base), [math.log(odds)])
    assert bound[0] >= exact[0] - 1e-9


def test_the_bound_for_huge_intervals_still_convicts() -> None:
    """A flood of failures on one arm must not go unnoticed for being too long to sum."""
    flood = Interval(10**7, 200_000, 10**7, 100_000)
    assert verdict(after(flood, flood, flood), DEFAULT) is Verdict.REGRESSION
    assert verdict(after(Interval(10**7, 100_000, 10**7, 100_000)), DEFAULT) is Verdict.SAFE


def test_evidence_leans_towards_harm_long_before_it_proves_it() -> None:
    """Hold or advance, when a step ends without a verdict."""
    assert not points_to_harm(EMPTY)
    evidence = after(Interval(30, 2, 270, 1), Interval(30, 3, 270, 1))
    assert points_to_harm(evidence)
    assert verdict(evidence, DEFAULT) is Verdict.RUNNING


@pytest.mark.parametrize(
    ("interval", "milliseconds"),
    [
        (Interval(150, 3, 150, 3), 1),
        (Interval(1000, 20, 1000, 30), 1),
        (Interval(10**7, 50_000, 10**7, 50_000), 50),
        (Interval(10**7, 99_999, 10**7, 1), 50),
        (Interval(10**15, 10**14, 10**15, 10**14), 1),
    ],
)
def test_update_is_quick_enough_to_run_at_every_scrape(interval: Interval, milliseconds: float) -> None:
    """One operator scrapes hundreds of models. CPU time, the best of five: the machine may be busy."""
    took = []
    for _ in range(5):
        start = time.process_time()
        update(EMPTY, interval, DEFAULT)
        took.append(time.process_time() - start)
    assert min(took) * 1000 < milliseconds


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interval(1, 2, 0, 0),
        lambda: Interval(5, 0, 1, -1),
        lambda: Interval(10**16, 0, 1, 0),
        lambda: Thresholds(alpha=0),
        lambda: Thresholds(beta=1),
        lambda: Thresholds(tolerate=2, safe_margin=1.5),
        lambda: Thresholds(safe_margin=math.inf),
        lambda: Thresholds(negligible=1),
        lambda: Thresholds(alpha=math.nan),
        lambda: replace(EMPTY, regression=(0.0,)),
        lambda: replace(EMPTY, ratio=(0.0, 0.0, 0.0, 0.0, -math.inf)),
        lambda: replace(EMPTY, candidate_failures=1),
        lambda: replace(EMPTY, intervals=-1),
    ],
)
def test_impossible_inputs_are_refused(make: Callable[[], object]) -> None:
    """A wrong count must not become a verdict."""
    with pytest.raises(ValueError, match=r"."):
        make()
