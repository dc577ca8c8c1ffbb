"""A world in virtual time for the pure core: servers, a router with counters, and users at a given rate.

Only the world is made up here. What decides is the shipped `reconcile`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fairway.api.status import Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import ArtifactState, Decision, Health, Notice, Observed, WorkloadHealth
from fairway.core.needs import needs
from fairway.core.reconcile import reconcile
from fairway.core.route import Counts, Route, RouteState, Sample

from builders import CAPS, START, artifact, make_deployment


@dataclass
class Traffic:
    """Users: Poisson arrivals at `rps`, and for each digest letter the chance that a request fails."""

    rps: float = 20.0
    failure_rate: dict[str, float] = field(default_factory=dict)


class Harbour:
    """One ModelDeployment and everything around it. `step` lets the next interesting moment come."""

    def __init__(self, md: ModelDeployment | None = None, traffic: Traffic | None = None, seed: int = 1) -> None:
        self.md = md or make_deployment()
        self.traffic = traffic or Traffic()
        self.random = random.Random(seed)
        self.now: datetime = START
        self.workloads: dict[str, WorkloadHealth] = {}
        self.starts_as: dict[str, WorkloadHealth] = {}
        self.route: Route | None = None
        self.rejected: str | None = None
        self.counts: dict[str, Counts] = {}
        self.source = "router-1"
        self.telemetry = True
        self.contents: dict[str, ArtifactState] = {}
        self.notices: list[Notice] = []
        self.ticks = 0

    @property
    def status(self) -> Status:
        return self.md.status

    @property
    def elapsed(self) -> timedelta:
        return self.now - START

    def observe(self) -> Observed:
        ask = needs(self.md, self.now)
        sample = Sample(self.source, dict(self.counts)) if ask.sample and self.telemetry else None
        return Observed(
            artifact=self.contents.get(ask.artifact, artifact(ask.artifact)),
            workloads=dict(self.workloads),
            route=RouteState(self.route, self.rejected),
            sample=sample,
            active={},
            free_port=9000 if ask.free_port else None,
        )

    def decide(self) -> Decision:
        return reconcile(self.md, self.observe(), CAPS, self.now)

    def tick(self) -> Decision:
        decision = self.decide()
        self.md = self.md.model_copy(update={"status": decision.status})
        for workload in decision.workloads:
            name = workload.revision.name
            if name not in self.workloads:
                ready = WorkloadHealth(Health.READY)
                self.workloads[name] = self.starts_as.get(workload.revision.sha256[0], ready)
        if decision.route is not None and self.rejected is None:
            self.route = decision.route
        if decision.keep is not None:
            for name in set(self.workloads) - decision.keep:
                del self.workloads[name]
        self.notices += decision.notices
        self.ticks += 1
        return decision

    def step(self) -> Decision:
        """Decide, then let time and requests pass until the core wants to look again."""
        decision = self.tick()
        self.pass_time(decision.look_again)
        return decision

    def pass_time(self, duration: timedelta) -> None:
        self.now += duration
        if self.route is None or duration <= timedelta(0):
            return
        arrivals = self._poisson(self.traffic.rps * duration.total_seconds())
        for _ in range(arrivals):
            self._send(self.route)

    def run(self, until: timedelta) -> None:
        """Let that much time pass from now."""
        end = self.now + until
        while self.now < end:
            self.step()

    def run_until_settled(self, limit: timedelta = timedelta(hours=12)) -> None:
        """Until a rollout has ended or is held; an AssertionError if that never happens."""
        end = self.now + limit
        while self.now < end:
            decision = self.step()
            if decision.look_again and self.status.phase in {"Stable", "RolledBack", "Failed", "Paused"}:
                return
        raise AssertionError(f"still {self.status.phase} after {limit}")

    def edit(self, **spec: object) -> None:
        """Change the spec, as `kubectl apply` does."""
        fresh = make_deployment(
            name=self.md.metadata.name, generation=self.md.metadata.generation + 1, **spec  # type: ignore[arg-type]
        )
        self.md = fresh.model_copy(update={"status": self.status})

    def letter(self, revision: str) -> str:
        found = self.status.revision(revision)
        return found.sha256[0] if found else "?"

    def set_health(self, revision: str, health: WorkloadHealth) -> None:
        self.workloads[revision] = health

    def restart(self, revision: str) -> None:
        before = self.workloads[revision]
        self.workloads[revision] = replace(before, restarts=before.restarts + 1)

    def _send(self, route: Route) -> None:
        pick = self.random.randrange(1000)
        for backend in route.backends:
            pick -= backend.weight
            if pick < 0:
                break
        rate = self.traffic.failure_rate.get(self.letter(backend.revision), 0.0)
        if not self.workloads.get(backend.revision, WorkloadHealth()).ready:
            rate = 1.0
        before = self.counts.get(backend.revision, Counts())
        failed = int(self.random.random() < rate)
        self.counts[backend.revision] = Counts(before.requests + 1, before.failures + failed)

    def _poisson(self, mean: float) -> int:
        if mean > 500:
            return max(0, round(self.random.gauss(mean, mean**0.5)))
        count, left = -1, mean
        while left >= 0:
            left -= self.random.expovariate(1.0)
            count += 1
        return count


def live(md: ModelDeployment | None = None, traffic: Traffic | None = None, seed: int = 1) -> Harbour:
    """A harbour whose first revision (content `a`) serves all traffic."""
    harbour = Harbour(md, traffic, seed)
    harbour.run_until_settled()
    assert harbour.status.phase == "Stable"
    return harbour


__all__ = ["Harbour", "Traffic", "live"]
