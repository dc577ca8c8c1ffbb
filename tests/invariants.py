"""What holds for every decision, whatever the world does. `Harbour` checks it at each tick."""

from __future__ import annotations

from fairway.api.status import Condition, Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.conditions import CHAINS
from fairway.core.model import Decision, Observed
from fairway.core.phases import WITH_CANDIDATE
from fairway.core.route import TOTAL_WEIGHT, Route

MAX_STATUS_BYTES = 16 * 1024


def check_invariants(md: ModelDeployment, seen: Observed, decision: Decision) -> Status:
    """Raise AssertionError for a decision that must never be made.

    Returns:
        The decision's status as it comes back from a store.
    """
    _check_roles(decision.status, decision)
    if decision.route is not None:
        _check_route(decision.route, decision.status, seen)
    _check_conditions(md.status, decision.status)
    assert decision.status.observed_generation == md.metadata.generation
    return _stored(decision.status, moved=decision.status.phase is not md.status.phase)


def _check_roles(status: Status, decision: Decision) -> None:
    assert (status.candidate is not None) == (status.phase in WITH_CANDIDATE), status.phase
    assert status.candidate is None or status.candidate != status.stable
    if status.phase is Phase.STABLE:
        assert status.stable is not None
    assert status.candidate not in status.rejected or status.phase is Phase.ROLLING_BACK
    running = {w.revision.name for w in decision.workloads}
    assert running == {status.stable, status.candidate} - {None}, "a role is not served"
    assert decision.keep is None or running <= decision.keep


def _check_route(route: Route, status: Status, seen: Observed) -> None:
    assert sum(b.weight for b in route.backends) == TOTAL_WEIGHT
    assert all(b.weight >= 0 for b in route.backends)
    names = [b.revision for b in route.backends]
    assert names in ([status.candidate, status.stable], [status.stable])
    for name in status.rejected:
        assert name == status.stable or route.weight_of(name) == 0
    if status.candidate is not None:
        assert status.rollout is not None
        assert route.weight_of(status.candidate) in {
            0,
            status.rollout.weight.declared,
            _in_force(seen, status),
        }
        if not seen.health(status.candidate).ready:
            assert route.weight_of(status.candidate) == 0


def _in_force(seen: Observed, status: Status) -> int:
    """The candidate keeps what it has while it has too few servers for more."""
    return seen.route.programmed.weight_of(status.candidate or "") if seen.route.programmed else 0


def _stored(status: Status, *, moved: bool) -> Status:
    text = status.model_dump_json(by_alias=True, exclude_none=True)
    assert len(text.encode()) < MAX_STATUS_BYTES
    again = Status.model_validate_json(text)
    assert not moved or again.model_dump_json(by_alias=True, exclude_none=True) == text
    return again


def _check_conditions(before: Status, after: Status) -> None:
    kinds = [c.type for c in after.conditions]
    assert kinds == list(CHAINS), "each condition exactly once"
    is_true = {c.type: c.status == "True" for c in after.conditions}
    assert not (is_true["Ready"] and (is_true["Reconciling"] or is_true["Stalled"]))
    assert not (is_true["Reconciling"] and is_true["Stalled"])
    assert not (is_true["Ready"] and not is_true["Available"])
    for condition in after.conditions:
        _check_transition_time(before.condition(condition.type), condition)


def _check_transition_time(before: Condition | None, after: Condition) -> None:
    if before is not None and before.status is after.status:
        assert after.last_transition_time == before.last_transition_time
