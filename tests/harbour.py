"""A world in virtual time for the pure core: servers, a router with counters, and users at a given rate.

Only the world is made up here. What decides is the shipped `reconcile`. The status takes the way through JSON
after every decision, so that each tick is also a restart, and every decision must keep the `invariants`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from builders import CAPS, START, artifact, make_deployment
from fairway.api.status import Phase, RolloutStatus, Status
from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.core.model import ArtifactState, Decision, Health, Notice, Observed, WorkloadHealth
from fairway.core.needs import needs
from fairway.core.reconcile import reconcile
from fairway.core.route import Counts, Route, RouteState, Sample
from invariants import check_invariants

READY = WorkloadHealth(Health.READY)
SETTLED = frozenset({Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED, Phase.PAUSED})
_SMALL_MEAN = 50


@dataclass
class Traffic:
    """Users: Poisson arrivals at `rps`, and for each digest letter the chance that a request fails."""

    rps: float = 20.0
    failure_rate: dict[str, float] = field(default_factory=dict)


class Harbour:
    """One ModelDeployment and everything around it. `step` lets the next interesting moment come.

    Attributes:
        now: the operator's clock; it may be set. `age` is the time that really passed.
        starts_as: health of a new server by the first letter of its digest; READY where none is named.
        telemetry: whether the counters can be read. `spoil` changes each reading on its way.
        routers: whether the routers take a new route; `rejected` is what they say if not.
        active: requests in flight, None when unknown.
        careful: check invariants and go through JSON; off only where thousands of rollouts are run.
    """

    def __init__(
        self, md: ModelDeployment | None = None, traffic: Traffic | None = None, seed: int = 1
    ) -> None:
        self.md = md or make_deployment()
        self.traffic = traffic or Traffic()
        self.random = random.Random(seed)
        self.caps = CAPS
        self.now: datetime = START
        self.age = timedelta(0)
        self.workloads: dict[str, WorkloadHealth] = {}
        self.starts_as: dict[str, WorkloadHealth] = {}
        self.route: Route | None = None
        self.routers = True
        self.rejected: str | None = None
        self.active: dict[str, int] | None = {}
        self.counts: dict[str, Counts] = {}
        self.source = "router-1"
        self.telemetry = True
        self.spoil: Callable[[Sample], Sample] = lambda sample: sample
        self.contents: dict[str, ArtifactState] = {}
        self.notices: list[Notice] = []
        self.events: list[str] = []
        self.ticks = 0
        self.careful = True
        self._requests = 0

    @property
    def status(self) -> Status:
        return self.md.status

    @property
    def rollout(self) -> RolloutStatus:
        assert self.status.rollout is not None
        return self.status.rollout

    @property
    def candidate(self) -> str:
        assert self.status.candidate is not None
        return self.status.candidate

    @property
    def stable(self) -> str:
        assert self.status.stable is not None
        return self.status.stable

    @property
    def weight(self) -> int:
        """The candidate's weight in the route that is in force."""
        if self.route is None or self.status.candidate is None:
            return 0
        return self.route.weight_of(self.status.candidate)

    def weight_of(self, letter: str) -> int:
        """Weight in force of the revision with this content."""
        backends = self.route.backends if self.route else ()
        return sum(b.weight for b in backends if self.letter(b.revision) == letter)

    def observe(self) -> Observed:
        ask = needs(self.md, self.now)
        sample = self.spoil(Sample(self.source, dict(self.counts))) if ask.sample and self.telemetry else None
        return Observed(
            artifact=self.contents.get(ask.artifact, artifact(ask.artifact)),
            workloads=dict(self.workloads),
            route=RouteState(self.route, self.rejected),
            sample=sample,
            active=self.active,
            free_port=9000 if ask.free_port else None,
        )

    def decide(self) -> Decision:
        return reconcile(self.md, self.observe(), self.caps, self.now)

    def tick(self) -> Decision:
        """Observe, decide, remember, apply, prune: all in one instant."""
        seen = self.observe()
        decision = reconcile(self.md, seen, self.caps, self.now)
        before = self.status.history[-1:]
        stored = check_invariants(self.md, seen, decision) if self.careful else decision.status
        self.md = self.md.model_copy(update={"status": stored})
        if self.status.history[-1:] != before or decision.look_again == timedelta(0):
            self.events.append(self.status.history[-1].event)
        for workload in decision.workloads:
            name = workload.revision.name
            if name not in self.workloads:
                self.workloads[name] = self.starts_as.get(workload.revision.sha256[0], READY)
        if decision.route is not None and self.rejected is None and self.routers:
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
        """Users send requests, nobody decides anything."""
        self.now += duration
        self.age += duration
        if self.route is None or duration <= timedelta(0):
            return
        arrivals = self.traffic.rps * duration.total_seconds()
        for backend in self.route.backends:
            rate = self.traffic.failure_rate.get(self.letter(backend.revision), 0.0)
            if not self.workloads.get(backend.revision, WorkloadHealth()).ready:
                rate = 1.0
            mean = arrivals * backend.weight / 1000
            # The failures and the rest of a Poisson stream are two independent Poisson streams.
            failed, passed = self._poisson(mean * rate), self._poisson(mean * (1 - rate))
            self._count(backend.revision, failed + passed, failed)

    def count(self, letter: str, *, requests: int, failures: int = 0) -> None:
        """Exactly these requests more for the revision with this content."""
        self._count(next(r for r in self.workloads if self.letter(r) == letter), requests, failures)

    def _count(self, revision: str, requests: int, failures: int) -> None:
        before = self.counts.get(revision, Counts())
        self.counts[revision] = Counts(before.requests + requests, before.failures + failures)

    def run(self, until: timedelta) -> None:
        """Let that much time pass from now."""
        end = self.age + until
        while self.age < end:
            self.step()

    def run_to(self, *phases: str, limit: timedelta = timedelta(hours=12)) -> None:
        """Until it is in one of these phases; an AssertionError if that never happens."""
        self.run_while(lambda: self.status.phase not in phases, limit)

    def run_while(self, going: Callable[[], bool], limit: timedelta = timedelta(hours=12)) -> None:
        """As long as that holds; an AssertionError if it holds for ever."""
        end = self.age + limit
        while going():
            assert self.age < end, f"still {self.status.phase} after {limit}: {self.status.message}"
            self.step()

    def run_until_settled(self, limit: timedelta = timedelta(hours=12)) -> None:
        """Until a rollout has ended or is held; an AssertionError if that never happens."""
        end = self.age + limit
        while self.age < end:
            decision = self.step()
            if decision.look_again and self.status.phase in SETTLED:
                return
        raise AssertionError(f"still {self.status.phase} after {limit}: {self.status.message}")

    def edit(self, *, uri: str | None = None, sha256: str | None = None, **spec: Any) -> None:
        """Change these parts of the spec and leave the others, as `kubectl apply` does."""
        asked = self.md.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if uri is not None:
            asked["model"] = {"uri": uri, "format": "onnx"}
        if sha256 is not None:
            asked["model"]["sha256"] = sha256
        fresh = make_deployment(
            name=self.md.metadata.name, generation=self.md.metadata.generation + 1, **{**asked, **spec}
        )
        metadata = fresh.metadata.model_copy(update={"annotations": self.md.metadata.annotations})
        self.md = fresh.model_copy(update={"metadata": metadata, "status": self.status})

    def annotate(self, text: str) -> None:
        """Put a request on the resource as it is."""
        metadata = self.md.metadata.model_copy(update={"annotations": {REQUEST_ANNOTATION: text}})
        self.md = self.md.model_copy(update={"metadata": metadata})

    def ask(self, verb: str, **fields: Any) -> Decision:
        """Send a request with an id of its own, and let it be decided on."""
        self._requests += 1
        self.annotate(json.dumps({"id": str(self._requests), "verb": verb, "by": "tester", **fields}))
        return self.tick()

    def letter(self, revision: str | None) -> str:
        """First letter of the content that this revision serves."""
        found = self.status.revision(revision)
        return found.sha256[0] if found else "?"

    def set_health(self, revision: str, health: WorkloadHealth) -> None:
        self.workloads[revision] = health

    def restart(self, revision: str) -> None:
        before = self.workloads[revision]
        self.workloads[revision] = replace(before, restarts=before.restarts + 1)

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = self.status.condition(kind)
        assert found is not None
        return found.status.value, found.reason

    def _poisson(self, mean: float) -> int:
        if mean > _SMALL_MEAN:
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


QUICK = {
    "steps": [
        {"weight": 10, "minDuration": "1m", "maxDuration": "20m"},
        {"weight": 50, "minDuration": "1m", "maxDuration": "20m"},
    ],
    "bake": {"duration": "2m"},
}
"""Steps wide enough that evidence at 20 requests a second is a matter of minutes."""


def rolling(phase: str = "Canary", *, rollout: dict[str, Any] | None = None, seed: int = 1) -> Harbour:
    """A harbour where `b` is on its way to replace `a` and has come to this phase."""
    harbour = live(make_deployment(rollout=rollout or QUICK), seed=seed)
    if phase in {"Provisioning", "Failed"}:
        harbour.starts_as["b"] = WorkloadHealth(Health.STARTING, "loading")
    harbour.edit(uri="file:/models/b")
    if phase == "Warming":
        harbour.routers = False
    if phase == "Promoting":
        harbour.run_to("Canary")
        harbour.ask("promote", full=True)
    if phase == "Paused":
        harbour.run_to("Canary")
        harbour.ask("pause")
    if phase in {"RollingBack", "RolledBack"}:
        harbour.run_to("Canary")
        harbour.ask("abort")
    harbour.run_while(lambda: harbour.status.phase != phase)
    harbour.routers = True
    return harbour


__all__ = ["QUICK", "READY", "Harbour", "Traffic", "live", "rolling"]
