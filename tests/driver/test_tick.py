"""The sequence of one tick: what it stores before it acts, and when it does not act at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref
from fairway.driver.tick import tick
from sim.faults import CALM
from sim.invariants import Invariants
from sim.platform import SimPlatform
from sim.store import REF, SimStore
from sim.user import spec_of
from sim.world import World


class CachingStore(SimStore):
    """Shows an old version while it is told to."""

    shows: ModelDeployment | None = None

    async def read(self, ref: Ref) -> ModelDeployment | None:
        return self.shows or await super().read(ref)


class Harness:
    def __init__(self) -> None:
        self.world = World(1, CALM)
        self.store = CachingStore(self.world)
        self.platform = SimPlatform(self.world, Invariants(self.world, self.store))

    async def tick(self) -> timedelta:
        return await tick(REF, self.store, self.platform, self.world.now)

    async def run_to(self, phase: str) -> ModelDeployment:
        """Until a tick in that phase stores nothing new."""
        for _ in range(20):
            before = self.store.current
            await self.tick()
            if before is not None and before is self.store.current and before.status.phase == phase:
                return before
            self.world.pass_time(0.1)
        raise AssertionError(f"never {phase}")

    async def settle(self) -> ModelDeployment:
        for _ in range(60):
            self.world.pass_time((await self.tick()).total_seconds())
        assert self.store.current is not None
        assert self.store.current.status.phase == "Stable"
        return self.store.current


async def test_acts_on_nothing_that_it_read_in_an_old_version() -> None:
    """An old version may need no new status; a weight that was taken back must stay so."""
    harness = Harness()
    harness.store.create(spec_of("a1", 0))
    await harness.settle()
    harness.store.edit(spec_of("b1", 0))
    canary = await harness.run_to("Canary")
    harness.world.faults = replace(CALM, slow_router=1.0)
    harness.store.annotate(REQUEST_ANNOTATION, '{"verb": "abort"}')
    await harness.run_to("RollingBack")
    effects = harness.platform.effects
    harness.store.shows = canary
    with pytest.raises(Conflict):
        await harness.tick()
    assert harness.platform.effects == effects


async def test_writes_nothing_when_nothing_changed() -> None:
    harness = Harness()
    harness.store.create(spec_of("a1", 0))
    await harness.settle()
    before = harness.store.writes, harness.platform.effects
    await harness.tick()
    assert (harness.store.writes, harness.platform.effects) == before


async def test_takes_everything_away_of_a_model_that_is_gone() -> None:
    harness = Harness()
    harness.store.create(spec_of("a1", 0))
    await harness.settle()
    harness.store.delete()
    await harness.tick()
    harness.world.pass_time(1)
    assert not harness.world.servers
    assert harness.world.programmed is None
