"""What others decide on the same counts: a fixed threshold per minute, a z-test looked at every minute."""

import numpy as np
from benchmarks.statistics.rollouts import Counts, Traffic
from numpy.typing import NDArray

INTERVALS_PER_MINUTE = 4
Z_95 = 1.6449  # one-sided, 5 %


def fixed_threshold_rolls_back(
    traffic: Traffic, limit: float = 0.02, failure_limit: int = 3
) -> NDArray[np.bool_]:
    """Whether more than `failure_limit` one-minute windows of the candidate fail above `limit`, per rollout.

    The rule of an analysis template with `failureLimit: 3` and one absolute success condition.
    """
    requests, failures = _per_minute(traffic.candidate_requests), _per_minute(traffic.candidate_failures)
    return np.asarray(np.sum(failures > limit * requests, axis=1) > failure_limit)


def repeated_z_test_rolls_back(traffic: Traffic) -> NDArray[np.bool_]:
    """Whether the pooled one-sided 5 % z-test on the totals so far ever rejects, looked at every minute."""
    n_c, x_c, n_s, x_s = (
        np.cumsum(_per_minute(counts), axis=1)
        for counts in (
            traffic.candidate_requests,
            traffic.candidate_failures,
            traffic.stable_requests,
            traffic.stable_failures,
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x_c + x_s) / (n_c + n_s)
        z = (x_c / n_c - x_s / n_s) / np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_s))
    return np.asarray(np.any(z > Z_95, axis=1))


def _per_minute(counts: Counts) -> Counts:
    runs, intervals = counts.shape
    by_minute = counts.reshape(runs, intervals // INTERVALS_PER_MINUTE, INTERVALS_PER_MINUTE)
    return np.asarray(by_minute.sum(axis=2))
