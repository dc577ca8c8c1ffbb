"""Guards the bake: the candidate has all traffic, so there is nothing left to compare it with.

It is held to a fixed failure rate instead, taken from what stable did during the rollout. Weaker than a
comparison and meant to be: an incident that would have hit stable too convicts here, and the cost of being
wrong is one flip back to a revision that is still warm.
"""

import math
from dataclasses import dataclass, replace

from fairway.core.stats import Evidence, Thresholds, bound_log10, check_counts, interval_cap, log_mean_exp

# Failure rates a bad candidate may have, as multiples of the limit.
BAKE_GRID = (1.5, 2.0, 3.0, 5.0, 10.0)
# Top limit and top rate of the grid: whatever is known, a candidate failing most requests is bad.
HIGHEST_LIMIT = 0.5
HIGHEST_RATE = 0.99
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class BakeEvidence:
    """Everything about the bake that must survive a restart; finite for the reason given at `Evidence`.

    Attributes:
        limit: failure rate up to which the candidate is within what stable did; fixed when the bake starts.
        logs: natural logarithm of the e-value per point of BAKE_GRID.
        requests: total since the bake started. failures: those among them.

    Raises:
        ValueError: wrong number of grid points, a limit outside (0, HIGHEST_LIMIT], or impossible counts.
    """

    limit: float
    logs: tuple[float, ...]
    requests: int
    failures: int

    def __post_init__(self) -> None:
        if len(self.logs) != len(BAKE_GRID) or not all(map(math.isfinite, self.logs)):
            raise ValueError(f"bake evidence needs {len(BAKE_GRID)} finite numbers, got {self.logs}")
        if not 0 < self.limit <= HIGHEST_LIMIT:
            raise ValueError(f"the limit of a bake must lie in (0, {HIGHEST_LIMIT}], got {self.limit}")
        check_counts("candidate", self.requests, self.failures)


def start_bake(rollout: Evidence, thresholds: Thresholds) -> BakeEvidence:
    """No request seen, and the limit set from the rollout.

        limit = min(1/2, max(negligible, safe_margin * upper))

    `upper` is an upper confidence limit of stable's failure rate over the rollout, not its point estimate:
    after 200 requests at a true 3 % the estimate (failures + 1)/(requests + 2) times 1.5 lies below 3 % in
    one rollout of seven, and then a candidate exactly as good as stable is sent back. The confidence limit
    shrinks to the estimate as requests come in, and with none it says 1, which leaves the limit at one half.
    The factor safe_margin leaves room for a rate that drifts between rollout and bake.
    """
    upper = upper_rate(rollout.stable_requests, rollout.stable_failures, thresholds.alpha)
    limit = min(HIGHEST_LIMIT, max(thresholds.negligible, thresholds.safe_margin * upper))
    return BakeEvidence(limit, (0.0,) * len(BAKE_GRID), 0, 0)


def update_bake(bake: BakeEvidence, requests: int, failures: int, thresholds: Thresholds) -> BakeEvidence:
    """Add one scrape interval of the candidate.

        log_j += min(failures * log(p_j / limit) + passed * log((1 - p_j) / (1 - limit)), log(1/alpha) / 2)

    with p_j = limit * grid_j, at most HIGHEST_RATE. At a failure rate of exactly `limit` the factor has mean
    1; each request's factor is the larger one when it fails (p_j > limit: the likelihood ratio is monotone),
    so at any lower rate, changing as it may, the mean is smaller. The cap only lowers it: one interval never
    convicts.

    Raises:
        ValueError: a count is negative, or there are more failures than requests.
    """
    check_counts("candidate", requests, failures)
    cap = interval_cap(thresholds.alpha)
    logs = []
    for old, grid in zip(bake.logs, BAKE_GRID, strict=True):
        rate = min(bake.limit * grid, HIGHEST_RATE)
        passed = (requests - failures) * (math.log1p(-rate) - math.log1p(-bake.limit))
        logs.append(old + min(failures * math.log(rate / bake.limit) + passed, cap))
    return replace(
        bake, logs=tuple(logs), requests=bake.requests + requests, failures=bake.failures + failures
    )


def bake_log10(bake: BakeEvidence) -> float:
    """The evidence against the candidate as a power of ten: 0 is none, bound_log10(alpha) convicts."""
    return log_mean_exp(bake.logs) / math.log(10)


def bake_convicts(bake: BakeEvidence, thresholds: Thresholds) -> bool:
    """Whether the candidate fails more often than the limit: wrong with probability at most alpha, ever."""
    return bake_log10(bake) >= bound_log10(thresholds.alpha)


def upper_rate(requests: int, failures: int, alpha: float) -> float:
    """Upper end of a confidence sequence for a failure rate, with probability 1 - alpha never below it.

        {p : B(1/2 + x, 1/2 + n - x) / (B(1/2, 1/2) * p^x * (1 - p)^(n - x)) < 1/alpha},    B the beta
        function

    for n requests and x failures; valid although a rollout ends when its evidence says so.

    Source: Robbins, Annals of Mathematical Statistics 41 (1970) 1397 (mixtures); the beta-binomial form in
    Howard, Ramdas, McAuliffe & Sekhon, Annals of Statistics 49 (2021) 1055.
    """
    passed = requests - failures
    mixture = _log_beta(0.5 + failures, 0.5 + passed) - _log_beta(0.5, 0.5)
    inside, outside = failures / requests if requests else 0.0, 1.0
    for _ in range(_HALVINGS if passed else 0):
        p = (inside + outside) / 2
        likelihood = (failures * math.log(p) if failures else 0.0) + passed * math.log1p(-p)
        if mixture - likelihood < -math.log(alpha):
            inside = p
        else:
            outside = p
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
