"""From the rollout's record to the whole route. Weights sum to 1000 by construction."""

from __future__ import annotations

from fairway.api.status import Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.capacity import has_enough
from fairway.core.model import Observed
from fairway.core.route import TOTAL_WEIGHT, Backend, Route

WEIGHT_PER_PERCENT = TOTAL_WEIGHT // 100
_IN_ROUTE = frozenset({Phase.WARMING, Phase.CANARY, Phase.PAUSED, Phase.PROMOTING, Phase.BAKING})


def declared_weight(status: Status) -> int:
    """The candidate's weight, out of 1000, that the phase and the step in force stand for."""
    if status.phase in {Phase.PROMOTING, Phase.BAKING}:
        return TOTAL_WEIGHT
    if status.rollout is not None and status.rollout.revision == status.stable:
        return TOTAL_WEIGHT
    if status.phase in {Phase.CANARY, Phase.PAUSED} and status.rollout and status.rollout.step:
        return status.rollout.step.weight * WEIGHT_PER_PERCENT
    return 0


def make_route(md: ModelDeployment, status: Status, seen: Observed) -> Route | None:
    """The route that should be in force now; None while there is no stable revision.

    A candidate that is not ready gets nothing, whatever is declared: its share goes to stable until then.
    One that has too few servers for what is declared keeps what it has.
    A candidate on its way out stays in the route with weight 0 until its last requests are answered.
    """
    if status.stable is None or status.port is None:
        return None
    backends: tuple[Backend, ...] = (Backend(status.stable, TOTAL_WEIGHT),)
    if status.candidate is not None and _belongs_in_route(status, seen):
        weight = _weight_to_give(md, status, seen, status.candidate)
        backends = (Backend(status.candidate, weight), Backend(status.stable, TOTAL_WEIGHT - weight))
    return Route(
        namespace=md.metadata.namespace,
        name=md.metadata.name,
        port=status.port,
        backends=backends,
        request_timeout_seconds=md.spec.traffic.timeouts.request.total_seconds(),
    )


def _weight_to_give(md: ModelDeployment, status: Status, seen: Observed, candidate: str) -> int:
    if not seen.health(candidate).ready:
        return 0
    declared, programmed = declared_weight(status), seen.route.programmed
    has = programmed.weight_of(candidate) if programmed is not None else declared
    return declared if has >= declared or has_enough(md, status, seen) else has


def _belongs_in_route(status: Status, seen: Observed) -> bool:
    if status.phase is Phase.ROLLING_BACK:
        programmed = seen.route.programmed
        return programmed is not None and any(b.revision == status.candidate for b in programmed.backends)
    return status.phase in _IN_ROUTE
