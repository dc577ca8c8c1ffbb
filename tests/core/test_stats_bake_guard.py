"""The bake guard: what it convicts, what it must not, and its arithmetic against scipy."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, entropy  # type: ignore[import-untyped]

from fairway.core.bake_guard import (
    BAKE_GRID,
    HIGHEST_LIMIT,
    BakeEvidence,
    bake_convicts,
    bake_log10,
    start_bake,
    update_bake,
    upper_rate,
)
from fairway.core.stats import Evidence, Thresholds

DEFAULT = Thresholds()


def rollout(stable_requests: int, stable_failures: int) -> Evidence:
    return replace(Evidence.empty(), stable_requests=stable_requests, stable_failures=stable_failures)


@pytest.mark.parametrize(("limit", "requests"), list(product((0.01, 0.07, 0.3, 0.5), (1, 40, 300))))
def test_evidence_does_not_grow_on_average_up_to_the_limit(limit: float, requests: int) -> None:
    """E[factor] <= 1 at the limit and below it: with Ville, false flips back <= alpha."""
    start = BakeEvidence(limit, (0.0,) * len(BAKE_GRID), 0, 0)
    for rate in (limit, limit / 2):
        chances = binom(requests, rate).pmf(range(requests + 1))
        for j in range(len(BAKE_GRID)):
            factors = (update_bake(start, requests, x, DEFAULT).logs[j] for x in range(requests + 1))
            assert sum(p * math.exp(f) for p, f in zip(chances, factors, strict=True)) <= 1 + 1e-9


def test_the_factor_is_the_likelihood_ratio_of_scipy() -> None:
    """Below the cap, point by point."""
    got = update_bake(BakeEvidence(0.02, (0.0,) * len(BAKE_GRID), 0, 0), 300, 7, DEFAULT)
    want = [binom.logpmf(7, 300, 0.02 * g) - binom.logpmf(7, 300, 0.02) for g in BAKE_GRID]
    assert got.logs == pytest.approx(want, abs=1e-9)
    assert (got.requests, got.failures) == (300, 7)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10**12), st.floats(0, 1), st.integers(0, 10**9), st.floats(0, 1), st.floats(1e-6, 0.5))
def test_one_interval_alone_never_flips_back_and_leaves_finite_numbers(
    stable: int, stable_rate: float, requests: int, rate: float, alpha: float
) -> None:
    """However bad the scrape, and whatever is known of stable."""
    thresholds = Thresholds(alpha=alpha)
    start = start_bake(rollout(stable, int(stable * stable_rate)), thresholds)
    bake = update_bake(start, requests, int(requests * rate), thresholds)
    assert not bake_convicts(bake, thresholds)
    assert math.isfinite(bake_log10(bake))


def test_a_candidate_that_starts_to_fail_is_sent_back_within_minutes() -> None:
    """Stable failed 1 % of 20,000 requests; the candidate fails 5 % of 300 per scrape."""
    bake = start_bake(rollout(20_000, 200), DEFAULT)
    scrapes = 0
    while not bake_convicts(bake, DEFAULT) and scrapes < 20:
        bake, scrapes = update_bake(bake, 300, 15, DEFAULT), scrapes + 1
    assert 2 <= scrapes <= 4


def test_a_candidate_as_good_as_stable_passes_a_long_bake() -> None:
    """A day at stable's own rate adds nothing against it."""
    bake = start_bake(rollout(20_000, 200), DEFAULT)
    for _ in range(5_760):
        bake = update_bake(bake, 300, 3, DEFAULT)
        assert not bake_convicts(bake, DEFAULT)


def test_a_candidate_that_fails_everything_goes_back_even_if_nothing_is_known() -> None:
    """A rollout that passed without traffic still has a bake that protects."""
    bake = start_bake(Evidence.empty(), DEFAULT)
    assert bake.limit == HIGHEST_LIMIT
    for _ in range(4):
        bake = update_bake(bake, 10, 10, DEFAULT)
    assert bake_convicts(bake, DEFAULT)


@pytest.mark.parametrize(("requests", "rate"), list(product((1, 30, 200, 5000), (0.001, 0.03, 0.4))))
def test_stables_true_rate_is_rarely_above_its_upper_limit(requests: int, rate: float) -> None:
    """Exact, over all outcomes: so a good candidate is held to a limit it can keep."""
    alpha = 0.05
    misses = [x for x in range(requests + 1) if upper_rate(requests, x, alpha) < rate]
    assert binom(requests, rate).pmf(misses).sum() <= alpha


def test_the_limit_follows_what_is_known_of_stable() -> None:
    """Nothing known: one half. Few requests: the upper limit. Many: room for drift. At least negligible."""
    few = start_bake(rollout(200, 6), DEFAULT).limit
    assert 200 * entropy([0.03, 0.97], [few, 1 - few]) == pytest.approx(math.log(20))
    assert start_bake(rollout(0, 0), DEFAULT).limit == HIGHEST_LIMIT
    assert start_bake(rollout(10**6, 30_000), DEFAULT).limit == pytest.approx(1.5 * 0.03)
    assert start_bake(rollout(10**6, 100), DEFAULT).limit == DEFAULT.negligible
    assert upper_rate(100, 0, 0.05) == pytest.approx(1 - 0.05 ** (1 / 100))
    assert upper_rate(10, 10, 0.05) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: BakeEvidence(0.0, (0.0,) * 5, 0, 0),
        lambda: BakeEvidence(0.9, (0.0,) * 5, 0, 0),
        lambda: BakeEvidence(0.1, (0.0,) * 4, 0, 0),
        lambda: BakeEvidence(0.1, (0.0, 0.0, 0.0, 0.0, -math.inf), 0, 0),
        lambda: BakeEvidence(0.1, (0.0,) * 5, 1, 2),
        lambda: update_bake(BakeEvidence(0.1, (0.0,) * 5, 0, 0), 1, 2, DEFAULT),
    ],
)
def test_impossible_inputs_are_refused(make: Callable[[], object]) -> None:
    """A wrong count must not flip traffic."""
    with pytest.raises(ValueError, match=r"."):
        make()
