"""What a rollout's request counts prove about the candidate: REGRESSION, SAFE, or nothing yet.

Every quantity here is an *e-process*: it starts at 1, and while its hypothesis holds its expectation is at
most 1 whenever one stops to look. By Ville's inequality it then reaches 1/alpha with probability at most
alpha, ever. So a verdict may be asked for after every scrape, and a threshold crossed once counts.

Preconditions, which nothing in here can check:
  * every request is assigned to an arm at random and by itself; where users stick to an arm, count one
    outcome per user and interval, else a single failing user looks like many;
  * the traffic weight is constant within an interval (it may change freely between intervals, and so may the
    load and the failure rate that both arms share);
  * each request is counted once, in the interval in which it was answered;
  * the thresholds stay what they were: after a change of them start again from `Evidence.empty()`.

Sources: Grünwald, de Heide & Koolen, "Safe Testing", J. Royal Statistical Society B 86 (2024) 1091 (e-values,
their products and mixtures); Ville, "Étude critique de la notion de collectif" (1939); Turner, Ly & Grünwald,
J. Statistical Planning and Inference 230 (2024) 106116 (e-processes for two proportions, batch by batch).
The law within one interval: `hypergeometric`. Measured error rates and detection times:
`benchmarks/statistics`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from fairway.core.hypergeometric import Margins, log_moments

# Odds ratios a regression may have, as multiples of `tolerate`.
REGRESSION_GRID = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
# How far below `safe_margin` a harmless candidate may lie, as divisors of it.
RATIO_GRID = (1.1, 1.25, 1.5, 2.0, 3.0)
# Failure rates a harmless candidate may have, as multiples of `negligible`.
NEGLIGIBLE_GRID = (0.5, 0.25, 0.1, 0.02, 0.0)
# Jeffreys, Theory of Probability (3rd ed. 1961), appendix B: evidence is "substantial" from sqrt(10) on.
SUBSTANTIAL = math.log(10) / 2
# Counts stay exact in floating point, and odds ratios within what makes sense: no input overflows.
LARGEST_COUNT = 10**15
LARGEST_ODDS_RATIO = 100


class Verdict(StrEnum):
    RUNNING = "Running"
    SAFE = "Safe"
    REGRESSION = "Regression"


@dataclass(frozen=True, slots=True)
class Interval:
    """One scrape interval: requests that were answered (4xx left out) and the failures among them, per arm.

    Raises:
        ValueError: a count is negative or absurd, or there are more failures than requests.
    """

    candidate_requests: int
    candidate_failures: int
    stable_requests: int
    stable_failures: int

    def __post_init__(self) -> None:
        check_counts("candidate", self.candidate_requests, self.candidate_failures)
        check_counts("stable", self.stable_requests, self.stable_failures)
        if max(self.candidate_requests, self.stable_requests) > LARGEST_COUNT:
            raise ValueError(f"{self} has more requests than any interval can have")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as harm, and how sure to be before saying so.

    Attributes:
        alpha: chance of convicting a candidate within `tolerate`, ever; this guardrail's share of the budget.
        beta: chance of calling a candidate safe that is neither below `safe_margin` nor below `negligible`.
        tolerate: odds ratio of failure, candidate to stable, up to which harm is tolerated.
        safe_margin: odds ratio that SAFE excludes.
        negligible: failure rate below which a candidate is safe without any comparison; 0 switches that off.

    Raises:
        ValueError: a value outside its range.
    """

    alpha: float = 0.05
    beta: float = 0.05
    tolerate: float = 1.1
    safe_margin: float = 1.5
    negligible: float = 0.01

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError(f"alpha and beta must lie between 0 and 1, got {self.alpha} and {self.beta}")
        if not 1 / LARGEST_ODDS_RATIO <= self.tolerate <= self.safe_margin <= LARGEST_ODDS_RATIO:
            raise ValueError(
                f"need 0.01 <= tolerate <= safe_margin <= 100, got {self.tolerate} and {self.safe_margin}"
            )
        if not 0 <= self.negligible < 1:
            raise ValueError(f"negligible must be at least 0 and below 1, got {self.negligible}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that must survive a restart: a handful of finite numbers.

    The logarithms stay finite by themselves: one interval moves them by less than 3 * (its failures) + 1,
    and a likelihood ratio of possible outcomes is never 0.

    Attributes:
        regression: natural logarithm of the e-value per point of REGRESSION_GRID.
        ratio: the same per point of RATIO_GRID.
        candidate_requests: total over all intervals, those that say nothing about a ratio included; so are
            the other three counts.
        intervals: how many were added.

    Raises:
        ValueError: wrong number of grid points, a number that is not finite, or impossible counts.
    """

    regression: tuple[float, ...]
    ratio: tuple[float, ...]
    candidate_requests: int
    candidate_failures: int
    stable_requests: int
    stable_failures: int
    intervals: int

    def __post_init__(self) -> None:
        points = len(self.regression), len(self.ratio)
        if points != (len(REGRESSION_GRID), len(RATIO_GRID)):
            raise ValueError(f"evidence has {points} grid points: it was made for another grid")
        if not all(map(math.isfinite, (*self.regression, *self.ratio))):
            raise ValueError(f"evidence must be finite, got {self.regression} and {self.ratio}")
        check_counts("candidate", self.candidate_requests, self.candidate_failures)
        check_counts("stable", self.stable_requests, self.stable_failures)
        check_counts("intervals", self.intervals, 0)

    @classmethod
    def empty(cls) -> Self:
        """No request seen: every e-value is 1."""
        return cls((0.0,) * len(REGRESSION_GRID), (0.0,) * len(RATIO_GRID), 0, 0, 0, 0, 0)


def update(evidence: Evidence, interval: Interval, thresholds: Thresholds) -> Evidence:
    """Add one interval to the evidence.

    With x_c failures on the candidate, and M(theta) the normaliser of their law at log odds ratio theta,

        regression_j += min((d_j - t) * x_c - log(M(d_j) / M(t)), log(1/alpha) / 2),   d_j = t + log grid_j
        ratio_j      +=     (d_j - s) * x_c - log(M(d_j) / M(s)),                      d_j = s - log grid_j

    where t = log tolerate and s = log safe_margin. Each term is the logarithm of a likelihood ratio with
    mean 1 at the edge of its hypothesis; the ratio is monotone in x_c and the law is ordered in theta, so
    the mean is at most 1 inside it too. The cap only lowers it: one interval lifts the e-value by
    sqrt(1/alpha) at most, because a lost pod in a single interval is not a bad model.

    Where one arm had no requests, or none or all of the requests failed, x_c could have had one value only:
    such an interval adds to the totals and to nothing else.
    """
    margins = Margins(
        candidate=interval.candidate_requests,
        stable=interval.stable_requests,
        failures=interval.candidate_failures + interval.stable_failures,
    )
    regression, ratio = evidence.regression, evidence.ratio
    if margins.low < margins.high:
        cap = interval_cap(thresholds.alpha)
        t, s = math.log(thresholds.tolerate), math.log(thresholds.safe_margin)
        worse = _log_factors(
            margins, interval.candidate_failures, t, [t + math.log(g) for g in REGRESSION_GRID]
        )
        better = _log_factors(margins, interval.candidate_failures, s, [s - math.log(g) for g in RATIO_GRID])
        regression = tuple(old + min(new, cap) for old, new in zip(regression, worse, strict=True))
        ratio = tuple(old + new for old, new in zip(ratio, better, strict=True))
    return Evidence(
        regression=regression,
        ratio=ratio,
        candidate_requests=evidence.candidate_requests + interval.candidate_requests,
        candidate_failures=evidence.candidate_failures + interval.candidate_failures,
        stable_requests=evidence.stable_requests + interval.stable_requests,
        stable_failures=evidence.stable_failures + interval.stable_failures,
        intervals=evidence.intervals + 1,
    )


def verdict(evidence: Evidence, thresholds: Thresholds) -> Verdict:
    """What the evidence proves now.

    REGRESSION when the mixture over REGRESSION_GRID reaches 1/alpha: wrong with probability at most alpha
    for any odds ratio up to `tolerate`. SAFE when one of two processes reaches 2/beta: the mixture over
    RATIO_GRID, against "odds ratio of at least safe_margin", or that over NEGLIGIBLE_GRID, against "failure
    rate of at least negligible"; wrong with probability at most beta. The second is needed because a model
    that never fails says nothing about a ratio. Where both are reached the answer is REGRESSION, the mistake
    that costs less.
    """
    if regression_log10(evidence) >= bound_log10(thresholds.alpha):
        return Verdict.REGRESSION
    if safe_log10(evidence, thresholds) >= bound_log10(thresholds.beta):
        return Verdict.SAFE
    return Verdict.RUNNING


def bound_log10(probability: float) -> float:
    """The line that `regression_log10` (with alpha) or `safe_log10` (with beta) must reach for a verdict."""
    return -math.log(probability) / math.log(10)


def regression_log10(evidence: Evidence) -> float:
    """The evidence for a regression as a power of ten, for people: 0 is none, bound_log10(alpha) convicts."""
    return log_mean_exp(evidence.regression) / math.log(10)


def safe_log10(evidence: Evidence, thresholds: Thresholds) -> float:
    """The evidence for SAFE as a power of ten, for people: SAFE from bound_log10(beta) on.

    The better of the two processes, each divided by 2 for its half of beta: so one line holds for both. It
    starts at log10(1/2) = -0.3.
    """
    low_rate = negligible_log(evidence.candidate_requests, evidence.candidate_failures, thresholds.negligible)
    return (max(log_mean_exp(evidence.ratio), low_rate) - math.log(2)) / math.log(10)


def points_to_harm(evidence: Evidence) -> bool:
    """Whether the evidence leans towards a regression without proving it: an e-value of at least sqrt(10).

    Used only to choose between hold and advance when a step ends without a verdict.
    """
    return log_mean_exp(evidence.regression) >= SUBSTANTIAL


def negligible_log(requests: int, failures: int, limit: float) -> float:
    """Log e-value against "the candidate's failure rate is at least `limit`", from its totals alone.

        log mean_j (p_j / limit)^failures * ((1 - p_j) / (1 - limit))^passed,      p_j = limit * grid_j

    A request that fails with probability p >= limit multiplies point j by a factor of mean
    p * p_j / limit + (1 - p) * (1 - p_j) / (1 - limit) <= 1: the rate may move as long as it stays above. As
    the grid is fixed and nothing is capped, the product over requests depends on their totals only.

    Returns -inf for limit 0: no number of requests proves a rate below 0.
    """
    if limit == 0:
        return -math.inf
    passed = requests - failures
    logs = [
        (0.0 if not failures else failures * math.log(g) if g else -math.inf)
        + passed * (math.log1p(-g * limit) - math.log1p(-limit))
        for g in NEGLIGIBLE_GRID
    ]
    return log_mean_exp(logs)


def interval_cap(alpha: float) -> float:
    """Most that one interval may add to a log e-value: half of what convicts."""
    return -math.log(alpha) / 2


def log_mean_exp(logs: Sequence[float]) -> float:
    """Log of the mean of e^log without overflow: the uniform mixture of e-values, itself an e-value."""
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs) / len(logs))


def check_counts(arm: str, requests: int, failures: int) -> None:
    """Raise ValueError unless 0 <= failures <= requests."""
    if not 0 <= failures <= requests:
        raise ValueError(f"{arm}: {failures} failures among {requests} requests")


def _log_factors(margins: Margins, failures: int, base: float, log_odds: Sequence[float]) -> list[float]:
    """Log likelihood ratio of the candidate's failures at each of `log_odds` against `base`."""
    moments = log_moments(margins, base, log_odds)
    return [(theta - base) * failures - moment for theta, moment in zip(log_odds, moments, strict=True)]
