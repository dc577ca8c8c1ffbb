"""The walks find what they are for: each variant breaks one rule, and is caught within some hundred walks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import detect
from fairway.core.model import Decision, Health, WorkloadHealth
from fairway.core.needs import needs
from fairway.core.reconcile import RESYNC, reconcile
from fairway.core.route import Backend
from fairway.driver.ports import Platform, Ref, Store
from sim.platform import SimPlatform
from sim.walk import Tick, Walk
from sim.world import Violation

WALKS = 600
Change = Callable[[ModelDeployment, Decision], Decision]


def _first_violation(walk_of: Callable[[int], Walk], walks: int = WALKS) -> str:
    for seed in range(walks):
        try:
            walk_of(seed).run()
        except Violation as violation:
            return str(violation)
    return f"nothing in {walks} walks"


def _tick_of(*steps: str, change: Change | None = None) -> Tick:
    """A tick that does these steps in this order, on a decision changed that way."""

    async def tick(ref: Ref, store: Store, platform: Platform, now: datetime) -> timedelta:
        md = await store.read(ref)
        if md is None:
            await platform.remove(ref)
            return RESYNC
        seen = await platform.observe(md, needs(md, now))
        want = reconcile(md, seen, platform.capabilities, now)
        want = change(md, want) if change else want
        for step in steps:
            if step == "remember" or (step == "remember what is new" and want.status != md.status):
                md = await store.remember(md, want.status)
            elif step == "apply":
                await platform.apply(md, want)
            elif step == "prune" and want.keep is not None:
                await platform.prune(ref, want.keep)
        return want.look_again

    return tick


def _as_decided(_md: ModelDeployment, want: Decision) -> Decision:
    return want


def _only_roles(_md: ModelDeployment, want: Decision) -> Decision:
    return replace(want, keep=frozenset(w.revision.name for w in want.workloads))


def _ready_or_not(_md: ModelDeployment, want: Decision) -> Decision:
    status, route = want.status, want.route
    if route is None or status.rollout is None or len(route.backends) == 1:
        return want
    share = status.rollout.weight.declared
    first, second = (backend.revision for backend in route.backends)
    return replace(
        want, route=replace(route, backends=(Backend(first, share), Backend(second, 1000 - share)))
    )


def _one_step_ahead(_md: ModelDeployment, want: Decision) -> Decision:
    route = want.route
    if route is None or len(route.backends) == 1:
        return want
    (first, second) = route.backends
    more = min(100, second.weight)
    ahead = (Backend(first.revision, first.weight + more), Backend(second.revision, second.weight - more))
    return replace(want, route=replace(route, backends=ahead))


def _forgiving(_md: ModelDeployment, want: Decision) -> Decision:
    return replace(want, status=want.status.model_copy(update={"rejected": ()}))


REAL_ORDER = ("remember", "apply", "prune")
VARIANTS: dict[str, tuple[Tick, str]] = {
    "applies before it remembers": (_tick_of("apply", "remember", "prune"), "gets"),
    "prunes before it remembers": (_tick_of("prune", "remember", "apply"), "is stopped while"),
    "checks the version only when it has something to store": (
        _tick_of("remember what is new", "apply", "prune"),
        "is stopped while",
    ),
    "stores nothing": (_tick_of("apply", "prune"), "not settled"),
    "gives weight to a candidate that is not ready": (_tick_of(*REAL_ORDER, change=_ready_or_not), "ready"),
    "routes more than it declared": (_tick_of(*REAL_ORDER, change=_one_step_ahead), "gets"),
    "forgets what was rejected": (_tick_of(*REAL_ORDER, change=_forgiving), "not settled"),
    "never prunes": (_tick_of("remember", "apply"), "run, needed are"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_walks_find_a_tick_that(variant: str) -> None:
    tick, complaint = VARIANTS[variant]
    assert complaint in _first_violation(lambda seed: Walk(seed, tick=tick))


@pytest.mark.parametrize(("change", "complaint"), [(_only_roles, "may send"), (_as_decided, "answers")])
def test_walks_find_a_core_that_does_not_wait_for_the_last_answers(
    change: Change, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`keep` alone still holds what is routed; without both, servers go while requests come."""
    monkeypatch.setattr(detect, "_drained", lambda _situation, _revision: True)
    tick = _tick_of(*REAL_ORDER, change=change)
    assert complaint in _first_violation(lambda seed: Walk(seed, tick=tick))


class RemembersTheDead(SimPlatform):
    """Reports a server started anew as ready because its predecessor was."""

    def _health(self, name: str) -> WorkloadHealth:
        was_ready = any(entry[1:] == ("server is", "Ready", name) for entry in self._world.trace)
        return WorkloadHealth(Health.READY) if was_ready else super()._health(name)


def test_walks_find_a_platform_that_takes_a_new_server_for_its_predecessor() -> None:
    found = _first_violation(lambda seed: Walk(seed, platform=RemembersTheDead))
    assert "never ready" in found


def test_walks_find_nothing_in_the_real_order() -> None:
    """Else the variants above could be caught for what they share."""
    tick = _tick_of(*REAL_ORDER)
    assert "nothing" in _first_violation(lambda seed: Walk(seed, tick=tick))
