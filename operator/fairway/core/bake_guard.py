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

        limit = min(1/2, max(negligible, safe_margin * rate, upper))

    `rate` is stable's observed failure rate; safe_margin leaves room for a rate that drifts between rollout
    and bake. `upper` is an upper confidence limit at alpha; it leaves room for what few requests cannot
    tell, and takes over below some thousand of them. A point estimate alone will not do: after 200 requests
    at a true 3 %, 1.5 * (failures + 1)/(requests + 2) lies below 3 % in one rollout of seven, and then a
    candidate exactly as good as stable may be sent back. With no request at all the limit is one half: what
    fails more than that goes back.
    """
    requests, failures = rollout.stable_requests, rollout.stable_failures
    room = thresholds.safe_margin * failures / requests if requests else 0.0
    upper = upper_rate(requests, failures, thresholds.alpha)
    limit = min(HIGHEST_LIMIT, max(thresholds.negligible, room, upper))
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
    """Upper confidence limit of a failure rate: below the true rate with probability at most alpha.

    The largest p with n * KL(failures/n, p) <= log(1/alpha), where n is `requests` and KL the relative
    entropy of two Bernoulli laws; 1 when there are no requests. A rollout ends when its evidence says so,
    not after a fixed n; but what ends it in a bake is stable failing no less than the candidate, which errs
    upwards.

    Source: Chernoff, Annals of Mathematical Statistics 23 (1952) 493; Hoeffding, J. American Statistical
    Association 58 (1963) 13, theorem 1.
    """
    passed = requests - failures
    inside, outside = failures / requests if requests else 1.0, 1.0
    for _ in range(_HALVINGS if passed else 0):
        p = (inside + outside) / 2
        distance = failures * math.log(failures / (requests * p)) if failures else 0.0
        distance += passed * (math.log(passed / requests) - math.log1p(-p))
        if distance <= -math.log(alpha):
            inside = p
        else:
            outside = p
    return outside
