"""One walk: a world, a user, the real `tick` over both, and calm at the end. Made wholly from its seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from builders import artifact
from fairway.api.spec import Spec
from fairway.api.status import Phase, Status
from fairway.driver.errors import DriverError
from fairway.driver.ports import Platform, Ref, Store
from fairway.driver.tick import tick as real_tick
from sim.faults import CALM, LEAVES_THE_OUTCOME_ALONE, WORST, Faults, draw
from sim.invariants import Invariants
from sim.platform import SimPlatform
from sim.store import REF, Crash, SimStore
from sim.user import ANY_HABITS, GOOD_HABITS, Habits, User
from sim.world import Violation, World

Tick = Callable[[Ref, Store, Platform, datetime], Coroutine[Any, Any, timedelta]]
TICKS_UNTIL_SETTLED = 80
SETTLED = frozenset({Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED})
HOLDING = frozenset({Phase.WARMING, Phase.PAUSED, Phase.BAKING})
QUIET_TICKS = 2
TICKS_THAT_A_HOLD_LASTS = 6


@dataclass(frozen=True, slots=True)
class End:
    """What is left of a walk when all is quiet; times and counts left out."""

    phase: str
    stable: str | None
    candidate: str | None
    rejected: tuple[str, ...]
    servers: frozenset[str]
    backends: tuple[tuple[str, int], ...]
    conditions: tuple[tuple[str, str], ...]


GONE = End("", None, None, (), frozenset(), (), ())


class Walk:
    """`run` it once. A Violation says which invariant does not hold; `trace` tells the story."""

    def __init__(
        self,
        seed: int,
        *,
        tick: Tick = real_tick,
        worst: Faults = WORST,
        habits: Habits | None = ANY_HABITS,
        platform: type[SimPlatform] = SimPlatform,
    ) -> None:
        mix = random.Random(seed)
        self.seed = seed
        self.kind = "good" if habits is GOOD_HABITS else ""
        self._tick = tick
        self._platform_type = platform
        self._agent_dies_too = mix.random() < 0.5
        self._ticks = mix.randint(10, 45)
        self.world = World(
            seed, draw(mix, worst), routers=mix.choice((1, 1, 2)), rps=mix.choice((0.0, 2.0, 12.0))
        )
        self.store = SimStore(self.world, codec=mix.random() < 0.02)
        self._invariants = Invariants(self.world, self.store)
        self._user = User(self.world, self.store, habits) if habits else None
        self._start_driver()

    def run(self) -> End:
        for _ in range(self._ticks):
            wait = self._one_tick().total_seconds()
            self.world.pass_time(wait * self.world.chance.choice((0.0, 0.3, 1.0, 1.0)))
        self.world.calm()
        return self.settle()

    @property
    def wanted_content(self) -> str | None:
        """First letter of the digest that the spec asks for."""
        md = self.store.current
        return str(artifact(md.spec.model.uri).sha256)[0] if md else None

    @property
    def stable_content(self) -> str | None:
        """First letter of the digest that is served."""
        status = self.store.current.status if self.store.current else Status()
        stable = status.revision(status.stable)
        return stable.sha256[0] if stable else None

    def trace(self, last: int = 40) -> str:
        return "\n".join("  ".join(map(str, line)) for line in self.world.trace[-last:])

    def _start_driver(self) -> None:
        self.platform = self._platform_type(self.world, self._invariants)

    def _one_tick(self) -> timedelta:
        self.store.lives_changed = False
        try:
            return finish(self._tick(REF, self.store, self.platform, self.world.now))
        except DriverError:
            return timedelta(seconds=self.world.chance.choice((0, 1)))
        except Crash:
            if self._agent_dies_too:
                self.world.agent_restarts()
            self._start_driver()
            return timedelta(0)

    def settle(self) -> End:
        quiet = 0
        for _ in range(TICKS_UNTIL_SETTLED):
            writes, effects = self.store.writes, self.platform.effects
            wait = self._one_tick()
            md = self.store.current
            held = md is not None and is_held(md.status)
            rests = held or ((md is None or is_settled(md.status)) and self.store.writes == writes)
            quiet = quiet + 1 if rests and self.platform.effects == effects else 0
            if quiet >= (TICKS_THAT_A_HOLD_LASTS if held else QUIET_TICKS):
                return self._end()
            self.world.pass_time(wait.total_seconds())
        raise Violation(
            f"not settled: {md.status.phase if md else 'gone'}, {md.status.message if md else ''}"
        )

    def _end(self) -> End:
        md, world = self.store.current, self.world
        servers = frozenset(world.servers)
        if md is None:
            if servers or world.programmed is not None:
                raise Violation(f"{sorted(servers)} are left of a model that is gone")
            return GONE
        status = md.status
        backends = world.programmed.backends if world.programmed else ()
        needed = {status.stable, status.candidate} - {None}
        if status.stable is None:  # an earlier life goes on serving until there is something better
            needed |= {b.revision for b in backends} & servers
        if servers != needed:
            raise Violation(f"{sorted(servers)} run, needed are {needed}")
        if status.rollout is not None and status.stable is not None:
            programmed = world.programmed.weight_of(status.rollout.revision) if world.programmed else None
            weight = status.rollout.weight
            if not weight.declared == weight.programmed == programmed:
                raise Violation(
                    f"declared {weight.declared}, reported {weight.programmed}, in force {programmed}"
                )
        return End(
            phase=status.phase,
            stable=status.stable,
            candidate=status.candidate,
            rejected=status.rejected,
            servers=servers,
            backends=tuple((b.revision, b.weight) for b in backends),
            conditions=tuple((c.type, c.status) for c in status.conditions),
        )


def is_settled(status: Status) -> bool:
    """Whether time alone changes nothing. A first revision that cannot run is waited for without end."""
    return status.phase in SETTLED or (status.phase is Phase.PROVISIONING and status.stable is None)


def is_held(status: Status) -> bool:
    """Whether the rollout waits for a person, for reasons that the status gives; it is still watched."""
    return status.phase in HOLDING and status.rollout is not None and bool(status.rollout.pauses)


def finish(work: Coroutine[Any, Any, timedelta]) -> timedelta:
    """Run a coroutine that never waits; much cheaper than an event loop for each."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("nothing in a walk waits")


def good_walk(seed: int, *, tick: Tick = real_tick) -> Walk:
    """A walk whose user wants good models only, with faults that only cost time."""
    return Walk(seed, tick=tick, worst=LEAVES_THE_OUTCOME_ALONE, habits=GOOD_HABITS)


def end_without_faults(wishes: list[Spec]) -> End:
    """How it ends when each wish comes true before the next is made, and nothing ever goes wrong."""
    walk = Walk(0, worst=CALM, habits=None)
    walk.store.create(wishes[0])
    for wish in wishes:
        walk.store.edit(wish)
        end = walk.settle()
    return end


def outcome_of(walk: Walk) -> End:
    """How the walk ends.

    Raises:
        Violation: with the seed, the way to walk it again, and the last of its story.
    """
    try:
        return walk.run()
    except Violation as violation:
        again = f"PYTHONPATH=operator:tests python -m sim {walk.seed} {walk.kind}".rstrip()
        raise Violation(f"{violation}\nsee it all: {again}\n{walk.trace()}") from None
