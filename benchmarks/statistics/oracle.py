"""The tests of `fairway.core.stats` a second time, written for many rollouts at once and in another way.

The control plane sums from the mode, one interval after the other; here every term is summed, by
log-factorials, for all intervals with the same number of failures together. Agreement to 1e-9 is checked
before any claim.
"""

from collections.abc import Sequence

import numpy as np
from benchmarks.statistics.rollouts import Counts, Traffic
from numpy.typing import NDArray

from fairway.core.stats import NEGLIGIBLE_GRID, RATIO_GRID, REGRESSION_GRID, Thresholds

Logs = NDArray[np.float64]


def regression_paths(traffic: Traffic, thresholds: Thresholds, *, capped: bool = True) -> Logs:
    """Log e-values per grid point after every interval, shape (runs, intervals, points)."""
    base = np.log(thresholds.tolerate)
    factors = _log_factors(traffic, base, base + np.log(REGRESSION_GRID))
    cap = np.log(1 / thresholds.alpha) / 2 if capped else np.inf
    return np.cumsum(np.minimum(factors, cap), axis=1)


def ratio_paths(traffic: Traffic, thresholds: Thresholds) -> Logs:
    """Log e-values per grid point after every interval, shape (runs, intervals, points)."""
    base = np.log(thresholds.safe_margin)
    return np.cumsum(_log_factors(traffic, base, base - np.log(RATIO_GRID)), axis=1)


def negligible_paths(traffic: Traffic, thresholds: Thresholds) -> Logs:
    """Log e-values per grid point after every interval, shape (runs, intervals, points)."""
    limit, grid = thresholds.negligible, np.array(NEGLIGIBLE_GRID)
    failed = np.cumsum(traffic.candidate_failures, axis=1)[..., None]
    passed = np.cumsum(traffic.candidate_requests, axis=1)[..., None] - failed
    with np.errstate(divide="ignore", invalid="ignore"):
        on_failure = np.where(failed > 0, failed * np.log(grid), 0.0)
    return np.asarray(on_failure + passed * np.log((1 - grid * limit) / (1 - limit)))


def mixture(paths: Logs) -> Logs:
    """Log of the mean e-value over the grid, shape (runs, intervals)."""
    top = paths.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(paths - top).mean(axis=-1)) + top[..., 0])


def first_crossing(path: Logs, bound: float) -> Counts:
    """Index of the first interval at which each path reaches `bound`; else the number of intervals."""
    crossed = path >= bound
    return np.asarray(np.where(crossed.any(axis=1), crossed.argmax(axis=1), path.shape[1]))


def convicted_at(traffic: Traffic, thresholds: Thresholds, *, capped: bool = True) -> Counts:
    """First interval with verdict REGRESSION, per rollout; the number of intervals where there is none."""
    path = mixture(regression_paths(traffic, thresholds, capped=capped))
    return first_crossing(path, np.log(1 / thresholds.alpha) - 1e-12)


def safe_at(traffic: Traffic, thresholds: Thresholds) -> Counts:
    """First interval at which either way to SAFE is reached, whatever the regression test says."""
    ratio, low_rate = (
        mixture(ratio_paths(traffic, thresholds)),
        mixture(negligible_paths(traffic, thresholds)),
    )
    return first_crossing(np.maximum(ratio, low_rate), np.log(2 / thresholds.beta))


def _log_factors(traffic: Traffic, base: float, log_odds: Sequence[float] | Logs) -> Logs:
    """Log likelihood ratios given each interval's margins, shape (runs, intervals, len(log_odds))."""
    n_c, n_s, x = traffic.candidate_requests, traffic.stable_requests, traffic.failures
    thetas = np.asarray(log_odds)
    factors = np.zeros((*x.shape, len(thetas)))
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, max(n_c.max(), n_s.max()) + 1)))])
    for failures in np.unique(x[x > 0]):
        rows = np.nonzero((x == failures) & (n_c > 0) & (n_s > 0) & (x < n_c + n_s))
        shares = np.arange(failures + 1)
        weights = _weights(n_c[rows][:, None], n_s[rows][:, None], shares, log_factorial)
        moments = weights @ np.exp(np.outer(shares, thetas))
        origin = weights @ np.exp(shares * base)
        observed = np.outer(traffic.candidate_failures[rows], thetas - base)
        factors[rows] = observed - np.log(moments / origin[:, None])
    return factors


def _weights(n_c: Counts, n_s: Counts, shares: Counts, log_factorial: Logs) -> Logs:
    """C(n_c, k) * C(n_s, x - k) up to a factor per row, 0 where impossible, shape (rows, x + 1)."""
    rest = shares[::-1]
    log_weights = (
        log_factorial[n_c]
        - log_factorial[shares]
        - log_factorial[np.maximum(n_c - shares, 0)]
        + log_factorial[n_s]
        - log_factorial[rest]
        - log_factorial[np.maximum(n_s - rest, 0)]
    )
    log_weights = np.where((shares <= n_c) & (rest <= n_s), log_weights, -np.inf)
    return np.asarray(np.exp(log_weights - log_weights.max(axis=1, keepdims=True)))
