"""A platform over the made-up world: what it shows may be old, what it is told is done in single effects."""

from __future__ import annotations

from builders import CAPS, artifact
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import ArtifactState, Capabilities, Decision, Needs, Notice, Observed, WorkloadHealth
from fairway.core.route import Route, RouteState
from fairway.driver.ports import Ref
from sim.invariants import Invariants
from sim.store import perilous
from sim.world import World


class SimPlatform:
    """Implements `driver.ports.Platform`. It keeps nothing from one tick to the next."""

    def __init__(self, world: World, invariants: Invariants) -> None:
        self._world = world
        self._invariants = invariants
        self.effects = 0
        self._reported_ready: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        return CAPS

    async def observe(self, md: ModelDeployment, ask: Needs) -> Observed:
        world, faults = self._world, self._world.faults
        world.breathe()
        unreadable = world.happens(faults.unreadable)
        stuck = any(router.stuck for router in world.routers)
        seen = Observed(
            artifact=ArtifactState(ask.artifact, error="no such file")
            if unreadable
            else artifact(ask.artifact),
            workloads={name: self._health(name) for name in ask.revisions if name in world.servers},
            route=RouteState(world.programmed, "the port is taken" if stuck else None),
            sample=world.sample() if ask.sample and not world.happens(faults.no_telemetry) else None,
            active=self._active(ask) if ask.active and not world.happens(faults.no_active) else None,
            free_port=9000 if ask.free_port else None,
        )
        self._reported_ready = {name for name, health in seen.workloads.items() if health.ready}
        world.breathe()
        return seen

    async def apply(self, md: ModelDeployment, decision: Decision) -> None:
        for workload in decision.workloads:
            name, letter = workload.revision.name, workload.revision.sha256[0]
            if name not in self._world.servers:
                perilous(self._world, lambda name=name, letter=letter: self._start(name, letter))  # type: ignore[misc]
        route = decision.route
        if route is not None and not self._is_written(md, route):
            perilous(self._world, lambda: self._write(md, route))

    async def prune(self, ref: Ref, keep: frozenset[str]) -> None:
        for name in sorted(self._world.servers.keys() - keep):
            perilous(self._world, lambda name=name: self._stop(name))  # type: ignore[misc]

    async def remove(self, ref: Ref) -> None:
        if self._world.written and self._world.written[-1].route is not None:
            perilous(self._world, lambda: self._world.write_route(None, ""))
        for name in sorted(self._world.servers):
            perilous(self._world, lambda name=name: self._stop(name, removing=True))  # type: ignore[misc]

    def announce(self, md: ModelDeployment, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            self._world.note("says", notice.reason, notice.message)

    def _health(self, name: str) -> WorkloadHealth:
        server = self._world.servers[name]
        return server.before if self._world.happens(self._world.faults.stale_health) else server.health

    def _active(self, ask: Needs) -> dict[str, int]:
        return {name: self._world.in_flight(name) for name in ask.revisions}

    def _is_written(self, md: ModelDeployment, route: Route) -> bool:
        last = self._world.written[-1] if self._world.written else None
        return last is not None and last.route == route and last.uid == md.metadata.uid

    def _start(self, name: str, letter: str) -> None:
        self.effects += 1
        if name not in self._world.servers:
            self._world.start(name, letter)

    def _write(self, md: ModelDeployment, route: Route) -> None:
        self.effects += 1
        self._invariants.before_route(md, route, self._reported_ready)
        self._world.write_route(route, md.metadata.uid)

    def _stop(self, name: str, *, removing: bool = False) -> None:
        self.effects += 1
        if name not in self._world.servers:
            return
        if not removing:
            self._invariants.before_prune(name)
        self._world.stop(name)
