"""One measurement per question: how often a verdict is wrong, and what a right one costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from benchmarks.statistics import oracle, rivals
from benchmarks.statistics.rollouts import (
    DEFAULT_RAMP,
    Counts,
    Ramp,
    Rates,
    Traffic,
    add_burst,
    drifting_rates,
    length,
    make_traffic,
    steady_rates,
    troubled_rates,
)

from fairway.core.stats import SUBSTANTIAL, Thresholds

CHUNK = 1_000  # rollouts simulated together: 600 intervals of them take about 200 MB
SEED = 20_261_121


@dataclass(slots=True)
class Shares:
    """Share of rollouts in which each rule acted; `runs` of them were simulated."""

    runs: int
    acted: dict[str, float] = field(default_factory=dict)

    def add(self, rule: str, acted: np.ndarray) -> None:
        """Count the rollouts of one chunk in which `rule` acted."""
        self.acted[rule] = self.acted.get(rule, 0.0) + float(acted.sum()) / self.runs


def three_sigma(probability: float, runs: int) -> float:
    """What a share over `runs` rollouts may exceed `probability` by, by chance."""
    return float(3 * np.sqrt(probability * (1 - probability) / runs))


def false_rollbacks(runs: int, ramp: Ramp, odds: float, thresholds: Thresholds) -> Shares:
    """Rollbacks of a candidate with tolerated `odds`, under daily drift and a shared incident."""
    shares = Shares(runs)
    for rng, size in _chunks(runs, "false rollbacks"):
        traffic = make_traffic(rng, ramp, troubled_rates(rng, size, length(ramp)), odds)
        shares.add("Fairway", oracle.convicted_at(traffic, thresholds) < length(ramp))
        shares.add("fixed threshold", rivals.fixed_threshold_rolls_back(traffic))
        shares.add("repeated z-test", rivals.repeated_z_test_rolls_back(traffic))
    return shares


def false_leanings(runs: int, ramp: Ramp, end: int, thresholds: Thresholds) -> float:
    """Share of good candidates not convicted whose evidence points to harm after `end` intervals."""
    shares = Shares(runs)
    for rng, size in _chunks(runs, "false rollbacks"):
        traffic = make_traffic(rng, ramp, troubled_rates(rng, size, length(ramp)))
        path = oracle.mixture(oracle.regression_paths(traffic, thresholds))[:, :end]
        running = path.max(axis=1) < np.log(1 / thresholds.alpha)
        shares.add("Fairway", running & (path[:, -1] >= SUBSTANTIAL))
    return shares.acted["Fairway"]


def rollbacks_by_a_burst(runs: int, ramp: Ramp, failures: int, step: int, thresholds: Thresholds) -> Shares:
    """Rollbacks of a good candidate that loses `failures` requests in one interval of one step."""
    shares = Shares(runs)
    first, last = length(ramp[:step]), length(ramp[: step + 1])
    for rng, size in _chunks(runs, "burst"):
        traffic = make_traffic(rng, ramp, drifting_rates(rng, size, length(ramp)))
        hit = add_burst(rng, traffic, failures, first, last)
        shares.add("capped", oracle.convicted_at(hit, thresholds) < length(ramp))
        shares.add("uncapped", oracle.convicted_at(hit, thresholds, capped=False) < length(ramp))
    return shares


@dataclass(frozen=True, slots=True)
class Cost:
    """What it took until a verdict: share of rollouts that got one, and medians over all of them."""

    share: float
    failures: float  # failed candidate requests since the harm began
    requests: float  # candidate requests since then
    minutes: float


def detection(runs: int, ramp: Ramp, odds: float, thresholds: Thresholds, onset: int = 0) -> Cost:
    """Until REGRESSION of a candidate with `odds` from interval `onset` on (before it: as good as stable)."""

    def make(rng: np.random.Generator, size: int) -> Traffic:
        harmful = np.where(np.arange(length(ramp)) >= onset, odds, 1.0)
        return make_traffic(rng, ramp, drifting_rates(rng, size, length(ramp)), harmful)

    return _cost(runs, "detection", make, lambda t: oracle.convicted_at(t, thresholds), onset)


def safety(runs: int, ramp: Ramp, rate: float, thresholds: Thresholds) -> Cost:
    """Until SAFE of a candidate that fails at `rate`, as stable does."""

    def make(rng: np.random.Generator, size: int) -> Traffic:
        return make_traffic(rng, ramp, steady_rates(size, length(ramp), rate))

    return _cost(runs, "safety", make, lambda t: oracle.safe_at(t, thresholds), 0)


def false_safe(runs: int, thresholds: Thresholds, ramp: Ramp = DEFAULT_RAMP) -> Shares:
    """SAFE for a candidate that stands on both edges: failure rate `negligible`, odds ratio `safe_margin`."""
    edge = thresholds.negligible / (1 - thresholds.negligible) / thresholds.safe_margin
    shares = Shares(runs)
    for rng, size in _chunks(runs, "false safe"):
        rates = steady_rates(size, length(ramp), edge / (1 + edge))
        traffic = make_traffic(rng, ramp, rates, thresholds.safe_margin)
        shares.add("Fairway", oracle.safe_at(traffic, thresholds) < length(ramp))
    return shares


def good_traffic(runs: int, ramp: Ramp, rates: Callable[[np.random.Generator, int, int], Rates]) -> Traffic:
    """Candidate and stable alike, for a look at single rollouts."""
    rng = np.random.default_rng(SEED)
    return make_traffic(rng, ramp, rates(rng, runs, length(ramp)))


def _cost(
    runs: int,
    name: str,
    make: Callable[[np.random.Generator, int], Traffic],
    ends_at: Callable[[Traffic], Counts],
    onset: int,
) -> Cost:
    spent: dict[str, list[np.ndarray]] = {"failures": [], "requests": [], "intervals": []}
    for rng, size in _chunks(runs, name):
        traffic = make(rng, size)
        end = ends_at(traffic)
        spent["failures"].append(_until(traffic.candidate_failures, onset, end))
        spent["requests"].append(_until(traffic.candidate_requests, onset, end))
        spent["intervals"].append(np.where(end < traffic.failures.shape[1], end + 1 - onset, np.inf))
    failures, requests, intervals = (np.concatenate(v) for v in spent.values())
    return Cost(
        share=float(np.isfinite(intervals).mean()),
        failures=float(np.median(failures)),
        requests=float(np.median(requests)),
        minutes=float(np.median(intervals)) / rivals.INTERVALS_PER_MINUTE,
    )


def _until(counts: Counts, onset: int, end: Counts) -> np.ndarray:
    """Sum from `onset` to the interval `end` of each rollout, both included; infinite without an end."""
    since = np.cumsum(counts * (np.arange(counts.shape[1]) >= onset), axis=1)
    last = np.minimum(end, counts.shape[1] - 1)
    return np.where(end < counts.shape[1], since[np.arange(len(since)), last], np.inf)


def _chunks(runs: int, name: str) -> Iterator[tuple[np.random.Generator, int]]:
    """Generators and sizes that add up to `runs`; the same for the same name and number."""
    for number, start in enumerate(range(0, runs, CHUNK)):
        yield np.random.default_rng([SEED, number, *name.encode()]), min(CHUNK, runs - start)
