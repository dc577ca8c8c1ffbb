"""The promises about error rates and cost, on simulated rollouts: fixed seeds, margins of three sigma.

The full measurement, with more rollouts and more settings, is `python -m benchmarks.statistics`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks/ is no package that gets installed

from benchmarks.statistics import bake, measure, oracle, rivals
from benchmarks.statistics.agreement import largest_difference
from benchmarks.statistics.rollouts import (
    DEFAULT_RAMP,
    FINE_RAMP,
    Ramp,
    Traffic,
    length,
    steady_rates,
    troubled_rates,
)

from fairway.core.stats import Thresholds

DEFAULT = Thresholds()
ROLLOUTS = 2_000


@pytest.fixture(scope="module")
def good_rollouts() -> Traffic:
    """Rollouts of a candidate that is stable's twin, under daily drift and an incident that hits both."""
    return measure.good_traffic(ROLLOUTS, DEFAULT_RAMP, troubled_rates)


def test_the_oracle_and_the_shipped_code_agree(good_rollouts: Traffic) -> None:
    """So what is measured with the one holds for the other: every log e-value of 200 whole rollouts."""
    assert largest_difference(good_rollouts, DEFAULT, rollouts=200) < 1e-9


def test_a_good_candidate_is_sent_back_at_most_as_often_as_alpha_allows(good_rollouts: Traffic) -> None:
    """A ramp, a moving base rate and 600 looks do not raise the rate of false rollbacks."""
    false = (oracle.convicted_at(good_rollouts, DEFAULT) < length(DEFAULT_RAMP)).mean()
    assert false <= DEFAULT.alpha + measure.three_sigma(DEFAULT.alpha, ROLLOUTS)


def test_the_usual_rules_send_good_candidates_back_on_the_same_traffic(good_rollouts: Traffic) -> None:
    """The traffic is hard enough to tell rules apart: this is why there are no fixed thresholds here."""
    assert rivals.fixed_threshold_rolls_back(good_rollouts).mean() > 0.5
    assert rivals.repeated_z_test_rolls_back(good_rollouts).mean() > 0.5


def test_the_worst_tolerated_candidate_is_still_within_alpha() -> None:
    """At odds ratio `tolerate` the test has nothing in hand but its guarantee."""
    shares = measure.false_rollbacks(1_000, FINE_RAMP, DEFAULT.tolerate, DEFAULT)
    assert shares.acted["Fairway"] <= DEFAULT.alpha + measure.three_sigma(DEFAULT.alpha, 1_000)


@pytest.mark.parametrize("ramp", [DEFAULT_RAMP, FINE_RAMP], ids=["default", "fine"])
def test_a_lost_pod_is_not_a_bad_model(ramp: Ramp) -> None:
    """Three failures in one interval at 1 % weight; the cap is what makes the difference."""
    shares = measure.rollbacks_by_a_burst(500, ramp, 3, 0, Thresholds(alpha=0.025))
    assert shares.acted["capped"] <= 0.10
    assert shares.acted["uncapped"] > 2 * shares.acted["capped"]


@pytest.mark.parametrize(("odds", "failures"), [(2.0, 30), (4.0, 10)])
def test_a_bad_candidate_costs_few_failed_requests(odds: float, failures: int) -> None:
    """Median until rollback on the default ramp, with the whole alpha."""
    cost = measure.detection(1_000, DEFAULT_RAMP, odds, DEFAULT)
    assert cost.share > 0.99
    assert cost.failures <= failures


def test_a_candidate_on_both_edges_is_called_safe_at_most_as_often_as_beta_allows() -> None:
    """Failure rate `negligible` and odds ratio `safe_margin`: neither way to SAFE is open to it."""
    shares = measure.false_safe(ROLLOUTS, DEFAULT)
    assert shares.acted["Fairway"] <= DEFAULT.beta + measure.three_sigma(DEFAULT.beta, ROLLOUTS)


def test_a_candidate_that_hardly_fails_is_safe_before_the_default_ramp_ends() -> None:
    """Early advance must be within reach at 20 requests per second."""
    for rate in (0.0, 0.005, 0.02):
        assert measure.safety(200, DEFAULT_RAMP, rate, DEFAULT).share > 0.95


def test_the_bake_sends_back_bad_candidates_and_keeps_good_ones() -> None:
    """Also when little was known of stable: a limit from a point estimate would fail the first line."""
    few = bake.flips(1_000, 200, 0.03, 0.03, DEFAULT, seed=1)
    assert few.shipped < 0.01 < few.point_estimate
    assert bake.flips(1_000, 1_000, 0.03, 0.11, DEFAULT, seed=2).shipped > 0.95


def test_traffic_is_split_by_weight_and_fails_at_the_given_odds() -> None:
    """The simulation itself: shares and rates are what was asked for."""
    rng = np.random.default_rng(7)
    ramp: Ramp = ((10, 400),)
    from_rate = steady_rates(50, 400, 0.02)
    traffic = measure.make_traffic(rng, ramp, from_rate, 3.0)
    n_c, n_s = traffic.candidate_requests.sum(), traffic.stable_requests.sum()
    assert n_c / (n_c + n_s) == pytest.approx(0.1, abs=0.001)
    assert traffic.stable_failures.sum() / n_s == pytest.approx(0.02, abs=0.001)
    assert traffic.candidate_failures.sum() / n_c == pytest.approx(0.06 / 1.04, abs=0.001)
