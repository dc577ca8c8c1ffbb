"""Which revision gets which share of a model's requests: the whole route, never a change of one."""

from __future__ import annotations

from dataclasses import dataclass, field

TOTAL_WEIGHT = 1000
"""Weights are out of a constant total, so that a ramp never reshuffles who sees the candidate."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One revision behind a route. Weight 0 keeps its cluster warm without sending it anything."""

    revision: str
    weight: int


@dataclass(frozen=True, slots=True)
class Route:
    """Everything a router needs to know about one model.

    Attributes:
        namespace, name: of the ModelDeployment.
        port: the listener port that belongs to this model alone.
        backends: the candidate always first, so that ramping up only ever adds users to it.
        request_timeout_seconds: whole request, answered with 504 when it runs out.
    """

    namespace: str
    name: str
    port: int
    backends: tuple[Backend, ...]
    request_timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        weights = [backend.weight for backend in self.backends]
        if sum(weights) != TOTAL_WEIGHT or min(weights) < 0:
            raise ValueError(
                f"weights of {self.name} must be non-negative and sum to {TOTAL_WEIGHT}: {weights}"
            )
        if self.request_timeout_seconds <= 0:
            raise ValueError(
                f"the request timeout of {self.name} must be positive: {self.request_timeout_seconds}"
            )
        if len({backend.revision for backend in self.backends}) != len(self.backends):
            raise ValueError(f"a revision stands twice in the route of {self.name}")

    def weight_of(self, revision: str) -> int:
        """Weight out of 1000; 0 for a revision that is not part of the route."""
        return next((b.weight for b in self.backends if b.revision == revision), 0)


@dataclass(frozen=True, slots=True)
class RouteState:
    """What the router says is in force.

    Attributes:
        programmed: the route that every router acknowledged last; None when it never acknowledged one.
        rejected: the router's own words about the newest route it refused, None when it refused nothing.
    """

    programmed: Route | None = None
    rejected: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Cumulative counters of one revision since its router started.

    `requests` were answered (4xx left out, they are the caller's fault); `failures` are those of them that
    the revision failed: 5xx, timeout, reset, refused connection.
    """

    requests: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of the routers' counters.

    Attributes:
        source: changes whenever counters restart from zero (a new router process).
        counts: per revision; a revision without a counter yet stands at zero.
    """

    source: str
    counts: dict[str, Counts] = field(default_factory=dict)

    def of(self, revision: str) -> Counts:
        return self.counts.get(revision, Counts())
