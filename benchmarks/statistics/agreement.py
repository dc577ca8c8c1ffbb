"""Checks that the oracle and the shipped code say the same about the same counts."""

import numpy as np
from benchmarks.statistics import oracle
from benchmarks.statistics.rollouts import Traffic

from fairway.core.stats import Evidence, Interval, Thresholds, Verdict, safe_log10, update, verdict


def largest_difference(traffic: Traffic, thresholds: Thresholds, rollouts: int) -> float:
    """Largest difference in any log e-value after any interval of the first `rollouts` rollouts.

    Raises:
        AssertionError: a verdict REGRESSION first comes at another interval.
    """
    first = Traffic(
        candidate_requests=traffic.candidate_requests[:rollouts],
        candidate_failures=traffic.candidate_failures[:rollouts],
        stable_requests=traffic.stable_requests[:rollouts],
        stable_failures=traffic.stable_failures[:rollouts],
    )
    regression, ratio = oracle.regression_paths(first, thresholds), oracle.ratio_paths(first, thresholds)
    low_rate = oracle.mixture(oracle.negligible_paths(first, thresholds))
    safe = (np.maximum(oracle.mixture(ratio), low_rate) - np.log(2)) / np.log(10)
    convicted = oracle.convicted_at(first, thresholds)
    worst = 0.0
    for run in range(rollouts):
        history = _shipped(first, run, thresholds)
        _check_first_conviction(history, int(convicted[run]), thresholds)
        differences = (
            regression[run] - np.array([evidence.regression for evidence in history]),
            ratio[run] - np.array([evidence.ratio for evidence in history]),
            safe[run, -1] - np.array([safe_log10(history[-1], thresholds)]),
        )
        worst = max(worst, *(float(np.abs(d).max()) for d in differences))
    return worst


def _check_first_conviction(history: list[Evidence], at: int, thresholds: Thresholds) -> None:
    """The verdicts on both sides of the interval where the oracle first convicts; there may be none."""
    for i, want in ((at - 1, False), (at, True)):
        if 0 <= i < len(history) and (verdict(history[i], thresholds) is Verdict.REGRESSION) != want:
            raise AssertionError(f"the oracle first convicts at interval {at}, we do not")


def _shipped(traffic: Traffic, run: int, thresholds: Thresholds) -> list[Evidence]:
    """The evidence of the shipped code after every interval of one rollout."""
    history, evidence = [], Evidence.empty()
    for counts in zip(
        traffic.candidate_requests[run].tolist(),
        traffic.candidate_failures[run].tolist(),
        traffic.stable_requests[run].tolist(),
        traffic.stable_failures[run].tolist(),
        strict=True,
    ):
        evidence = update(evidence, Interval(*counts), thresholds)
        history.append(evidence)
    return history
