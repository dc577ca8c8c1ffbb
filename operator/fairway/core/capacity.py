"""How many servers each revision is to have, and whether a candidate has enough for its share. Pure.

Stable never shrinks while a rollout is under way: a way back finds as many servers as there were before.
The candidate grows with its weight, ahead of it: a weight is raised only when the servers for it answer.
Under an autoscaler these numbers are its lower bounds; without one they are exact.
"""

from __future__ import annotations

from fairway.api.status import Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import steps
from fairway.core.model import Capacity, Observed, Role
from fairway.core.route import TOTAL_WEIGHT

_WEIGHT_PER_PERCENT = TOTAL_WEIGHT // 100


def plan(md: ModelDeployment, status: Status, seen: Observed, role: Role) -> Capacity:
    """The servers that the revision with this role is to have now."""
    if role is Role.STABLE:
        return _bounded(md, whole(md, status))
    if status.phase is Phase.ROLLING_BACK:  # its last requests are being answered: leave it as it is
        return _bounded(md, seen.health(status.candidate).asked or 1)
    return _bounded(md, servers_for(md, status, weight_ahead(md, status)))


def whole(md: ModelDeployment, status: Status) -> int:
    """The servers that carry all the traffic."""
    rollout = status.rollout
    at_start = rollout.stable_replicas if rollout is not None and status.candidate is not None else None
    return max(md.spec.scaling.min, at_start or 1)


def servers_for(md: ModelDeployment, status: Status, weight: int) -> int:
    """The candidate's servers for this weight out of 1000: its share of all, rounded up, and never none."""
    return max(1, -(-weight * whole(md, status) // TOTAL_WEIGHT))


def weight_ahead(md: ModelDeployment, status: Status) -> int:
    """The weight that the candidate has to have servers for; before it has any, that of the first step."""
    if status.stable is None or status.phase in {Phase.PROMOTING, Phase.BAKING}:
        return TOTAL_WEIGHT
    step = status.rollout.step if status.rollout is not None else None
    return _WEIGHT_PER_PERCENT * (step.weight if step is not None else steps.enter(md, 0).weight)


def has_enough(md: ModelDeployment, status: Status, seen: Observed) -> bool:
    """Whether the candidate's servers suffice for the weight ahead; always where nobody counts servers."""
    health = seen.health(status.candidate)
    wanted = servers_for(md, status, weight_ahead(md, status))
    return health.ready and (health.answering is None or health.answering >= wanted)


def counted(md: ModelDeployment, status: Status, seen: Observed) -> str:
    """How many of the candidate's servers answer, for a person."""
    wanted = servers_for(md, status, weight_ahead(md, status))
    share = weight_ahead(md, status) / _WEIGHT_PER_PERCENT
    return f"{seen.health(status.candidate).answering or 0} of {wanted} servers for {share:g} % answer"


def at_start(md: ModelDeployment, status: Status, seen: Observed) -> int | None:
    """What `whole` is for a rollout that begins now; None where nobody counts servers."""
    asked = seen.health(status.stable).asked
    return max(md.spec.scaling.min, asked) if status.stable is not None and asked else None


def _bounded(md: ModelDeployment, servers: int) -> Capacity:
    scaling = md.spec.scaling
    if scaling.max is None or scaling.max <= scaling.min:
        return Capacity(servers)
    return Capacity(servers, most=max(scaling.max, servers), cpu_percent=scaling.target)
