"""Makes the traffic of many rollouts at once: counts per scrape, with a base rate that will not sit still."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]
# (weight in percent, scrape intervals at that weight)
Ramp = tuple[tuple[int, int], ...]

REQUESTS_PER_INTERVAL = 300  # 20 per second, scraped every 15 s
BASE_RATE = 0.01
INTERVALS_PER_DAY = 5_760
INCIDENT_INTERVALS = 80  # 20 minutes
INCIDENT_FACTOR = 5.0
DRIFT = 0.5  # the base rate swings by this share of itself over a day

# The default steps, each held for as long as it may be: the most looks, so the most chances to be wrong.
DEFAULT_RAMP: Ramp = ((1, 120), (10, 240), (50, 240))
FINE_RAMP: Ramp = ((1, 120), (5, 120), (10, 120), (25, 120), (50, 120))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of `runs` rollouts over `intervals` scrapes; every array has shape (runs, intervals)."""

    candidate_requests: Counts
    candidate_failures: Counts
    stable_requests: Counts
    stable_failures: Counts

    @property
    def failures(self) -> Counts:
        """Failures of both arms together."""
        return self.candidate_failures + self.stable_failures


def make_traffic(
    rng: np.random.Generator, ramp: Ramp, rates: Rates, odds: float | Sequence[float] | Rates = 1.0
) -> Traffic:
    """Assign each request at random by the weight of its interval, and let it fail at its arm's rate.

    Args:
        rng: source of chance.
        ramp: weights and how long each is held.
        rates: stable's failure rate, shape (runs, intervals).
        odds: odds ratio of the candidate's failures to stable's, broadcast against `rates`.
    """
    weights = np.repeat([w / 100 for w, _ in ramp], [n for _, n in ramp])
    requests = rng.poisson(REQUESTS_PER_INTERVAL, rates.shape)
    candidate = rng.binomial(requests, weights)
    worse = np.asarray(odds) * rates / (1 - rates + np.asarray(odds) * rates)
    return Traffic(
        candidate_requests=candidate,
        candidate_failures=rng.binomial(candidate, worse),
        stable_requests=requests - candidate,
        stable_failures=rng.binomial(requests - candidate, rates),
    )


def length(ramp: Ramp) -> int:
    """Scrape intervals of the whole ramp."""
    return sum(n for _, n in ramp)


def steady_rates(runs: int, intervals: int, rate: float = BASE_RATE) -> Rates:
    """The same rate throughout, shape (runs, intervals)."""
    return np.full((runs, intervals), rate)


def drifting_rates(rng: np.random.Generator, runs: int, intervals: int) -> Rates:
    """The base rate with a daily swing, each rollout starting at another time of day."""
    day = np.arange(intervals) / INTERVALS_PER_DAY + rng.random((runs, 1))
    return BASE_RATE * (1 + DRIFT * np.sin(2 * np.pi * day))


def troubled_rates(rng: np.random.Generator, runs: int, intervals: int) -> Rates:
    """Daily swing, and once per rollout an incident that hits both arms alike."""
    start = rng.integers(0, intervals - INCIDENT_INTERVALS, (runs, 1))
    since = np.arange(intervals) - start
    during = (since >= 0) & (since < INCIDENT_INTERVALS)
    return drifting_rates(rng, runs, intervals) * np.where(during, INCIDENT_FACTOR, 1.0)


def add_burst(rng: np.random.Generator, traffic: Traffic, failures: int, first: int, last: int) -> Traffic:
    """Add failed candidate requests to one interval in [first, last) of every rollout: a lost pod."""
    extra = np.zeros_like(traffic.candidate_requests)
    extra[np.arange(len(extra)), rng.integers(first, last, len(extra))] = failures
    return Traffic(
        candidate_requests=traffic.candidate_requests + extra,
        candidate_failures=traffic.candidate_failures + extra,
        stable_requests=traffic.stable_requests,
        stable_failures=traffic.stable_failures,
    )
