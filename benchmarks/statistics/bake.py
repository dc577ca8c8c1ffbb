"""How often the bake guard sends a candidate back, by what was known of stable when the bake began."""

from dataclasses import dataclass, replace

import numpy as np
from benchmarks.statistics.rollouts import REQUESTS_PER_INTERVAL
from numpy.typing import NDArray

from fairway.core.bake_guard import BAKE_GRID, HIGHEST_LIMIT, HIGHEST_RATE, start_bake
from fairway.core.stats import Evidence, Thresholds

BAKE_INTERVALS = 40  # 10 minutes


@dataclass(frozen=True, slots=True)
class Flips:
    """Share of bakes that end in a flip back, with the guard's limit and with one from a point estimate."""

    shipped: float
    point_estimate: float


def flips(
    runs: int, known: int, stable_rate: float, candidate_rate: float, thresholds: Thresholds, seed: int
) -> Flips:
    """Bake a candidate that fails at `candidate_rate` after `known` requests of a stable at `stable_rate`."""
    rng = np.random.default_rng(seed)
    failures = rng.binomial(known, stable_rate, runs)
    seen = np.unique(failures)
    requests = rng.poisson(REQUESTS_PER_INTERVAL, (runs, BAKE_INTERVALS))
    failed = rng.binomial(requests, candidate_rate)
    shipped = np.array([_shipped_limit(known, int(x), thresholds) for x in seen])
    guess = np.clip(
        thresholds.safe_margin * (failures + 1) / (known + 2), thresholds.negligible, HIGHEST_LIMIT
    )
    limits = shipped[np.searchsorted(seen, failures)], guess
    return Flips(*(_share(requests, failed, limit, thresholds) for limit in limits))


def _shipped_limit(known: int, failures: int, thresholds: Thresholds) -> float:
    rollout = replace(Evidence.empty(), stable_requests=known, stable_failures=failures)
    return start_bake(rollout, thresholds).limit


def _share(
    requests: NDArray[np.int64],
    failed: NDArray[np.int64],
    limits: NDArray[np.float64],
    thresholds: Thresholds,
) -> float:
    limit = limits[:, None, None]
    bad = np.minimum(limit * np.array(BAKE_GRID), HIGHEST_RATE)
    x, passed = failed[..., None], (requests - failed)[..., None]
    factors = x * np.log(bad / limit) + passed * np.log((1 - bad) / (1 - limit))
    cap = np.log(1 / thresholds.alpha) / 2
    paths = np.cumsum(np.minimum(factors, cap), axis=1)
    e_values = np.exp(np.minimum(paths, 700)).mean(axis=2)
    return float(np.any(e_values >= 1 / thresholds.alpha, axis=1).mean())
