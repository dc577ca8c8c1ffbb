"""Servers, routers, users' requests and time: what goes on whether a driver runs or not.

All of it is made from one seed. Nothing here decides; what decides is the shipped `tick`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from builders import START
from fairway.core.model import Health, WorkloadHealth
from fairway.core.route import Counts, Route, Sample
from sim.faults import CALM, Faults

STARTING = WorkloadHealth(Health.STARTING)
FAILURE_RATE = {"d": 0.6}
CANNOT_SERVE = "e"
NEVER_READY = "f"
REQUEST_SECONDS = 0.9
"""How long an answer takes: just less than the request timeout of every spec in a walk."""


class Violation(AssertionError):
    """An invariant does not hold."""


@dataclass(slots=True)
class Server:
    """One life of a revision's server; pruned and started again it is another one."""

    letter: str
    health: WorkloadHealth = STARTING
    before: WorkloadHealth = STARTING
    was_ready: bool = False

    def become(self, health: Health, *, restarts: int = 0) -> None:
        self.before = self.health
        self.health = WorkloadHealth(health, restarts=self.health.restarts + restarts)
        self.was_ready = self.was_ready or health is Health.READY


@dataclass(frozen=True, slots=True)
class Written:
    """A route as some life of the resource wrote it; None: the route was taken away."""

    route: Route | None
    uid: str


@dataclass(slots=True)
class Router:
    """One router. It takes up what was written in order, may skip, and acknowledges later.

    Attributes:
        at, acknowledged: index into what was written; -1 for nothing.
        owed: per revision, the part of a request that the weights owe it.
        busy_until: per revision, when its last request is answered.
    """

    source: int
    at: int = -1
    acknowledged: int = -1
    stuck: bool = False
    counts: dict[str, list[int]] = field(default_factory=dict)
    owed: dict[str, float] = field(default_factory=dict)
    busy_until: dict[str, float] = field(default_factory=dict)


class World:
    """One model's surroundings.

    `while_time_passes` is called on every occasion on which something may happen by itself: so users act too.
    `on_request` hears of every revision that was sent something.
    """

    def __init__(self, seed: int, faults: Faults, *, routers: int = 1, rps: float = 10.0) -> None:
        self.chance = random.Random(seed)
        self.faults = faults
        self.seconds = 0.0
        self.set_back = 0.0
        self.rps = rps
        self.servers: dict[str, Server] = {}
        self.taken: set[str] = set()
        """Revisions whose server the world took away, until they are ready again."""
        self.written: list[Written] = []
        self.routers = [Router(source=n) for n in range(routers)]
        self.sources = routers
        self.agreed = -1
        self.programmed: Route | None = None
        self.while_time_passes: Callable[[], None] = lambda: None
        self.on_request: Callable[[Written, str], None] = lambda _written, _revision: None
        self.uid = ""
        """The resource's present life; empty while there is none."""
        self.trace: list[tuple[object, ...]] = []
        for router in self.routers:
            router.stuck = self.happens(faults.stuck_router)

    @property
    def now(self) -> datetime:
        """What the clock shows; it may have been set back."""
        return START + timedelta(seconds=self.seconds - self.set_back)

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance

    def note(self, *what: object) -> None:
        self.trace.append((round(self.seconds, 3), *what))

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.faults = CALM
        self.while_time_passes = lambda: None
        for router in self.routers:
            router.stuck = False
        self.note("faults stop")

    def breathe(self) -> None:
        """The moment between two steps of the driver."""
        self.pass_time(self.chance.random() * 0.02)

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self._send_requests(seconds)
        self._move_servers()
        self._move_routers()
        if self.happens(self.faults.clock_back):
            self.set_back += self.chance.random() * self.chance.choice((1, 60))
            self.note("clock set back")
        self.while_time_passes()

    def live_as(self, uid: str) -> None:
        """The resource is made, or gone (empty). Requests under earlier routes are nobody's to lose."""
        self.uid = uid
        for router in self.routers:
            router.busy_until.clear()

    # Servers.

    def start(self, revision: str, letter: str) -> None:
        self.servers[revision] = Server(letter)
        self.note("server starts", revision, letter)

    def stop(self, revision: str) -> None:
        del self.servers[revision]
        self.note("server stops", revision)

    def _move_servers(self) -> None:
        faults = self.faults
        for revision, server in list(self.servers.items()):
            health = server.health.health
            if health is Health.STARTING:
                self._come_up(revision, server)
            elif health is Health.READY and self.happens(faults.death):
                server.become(Health.STARTING, restarts=1)
                self._hang_up(revision)
                self.note("server dies", revision)
            if health is not Health.FAILED and self.happens(faults.doom):
                server.become(Health.FAILED)
                self._hang_up(revision)
                self.note("server is doomed", revision)
            elif self.happens(faults.vanish):
                del self.servers[revision]
                self.taken.add(revision)
                self._hang_up(revision)
                self.note("server vanishes", revision)

    def _hang_up(self, revision: str) -> None:
        for router in self.routers:
            router.busy_until.pop(revision, None)

    def _come_up(self, revision: str, server: Server) -> None:
        if server.letter == NEVER_READY or self.happens(self.faults.slow_start):
            return
        server.become(Health.FAILED if server.letter == CANNOT_SERVE else Health.READY)
        self.taken.discard(revision)
        self.note("server is", server.health.health.value, revision)

    # Routers.

    def write_route(self, route: Route | None, uid: str) -> None:
        self.written.append(Written(route, uid))
        self.note("route", uid, None if route is None else [(b.revision, b.weight) for b in route.backends])

    def agent_restarts(self) -> None:
        """What no router has taken up yet is forgotten, and so is what they acknowledged."""
        last = max(self.agreed, *(r.at for r in self.routers))
        del self.written[last + 1 :]
        self.programmed = None
        for router in self.routers:
            router.acknowledged = -1
        self.note("agent restarts")

    def may_be_taken_up(self) -> list[Written]:
        """Every route that some router follows now or may come to follow by itself."""
        first = min((r.at for r in self.routers), default=0)
        if self.agreed >= 0:
            first = min(first, self.agreed)
        return self.written[max(0, first) :]

    def sample(self) -> Sample:
        totals: dict[str, list[int]] = {}
        for router in self.routers:
            for revision, (requests, failures) in router.counts.items():
                total = totals.setdefault(revision, [0, 0])
                total[0] += requests
                total[1] += failures
        source = "+".join(str(r.source) for r in self.routers)
        return Sample(source, {name: Counts(*total) for name, total in totals.items()})

    def in_flight(self, revision: str) -> int:
        """How many routers wait for an answer of it."""
        return sum(r.busy_until.get(revision, 0.0) > self.seconds for r in self.routers)

    def _move_routers(self) -> None:
        last = len(self.written) - 1
        for router in self.routers:
            if self.happens(self.faults.router_restart):
                self._restart(router)
            if router.stuck:
                continue
            if router.at < last and not self.happens(self.faults.slow_router):
                router.at = last if self.chance.random() < 0.8 else self.chance.randint(router.at + 1, last)
            if router.acknowledged != router.at and not self.happens(self.faults.slow_router):
                router.acknowledged = router.at
                self._agree()

    def _restart(self, router: Router) -> None:
        """It comes back with what all acknowledged last, and counts from zero."""
        self.sources += 1
        router.source = self.sources
        router.at, router.acknowledged = self.agreed, -1
        router.counts.clear()
        router.owed.clear()
        router.busy_until.clear()
        self.programmed = None
        self.note("router restarts", router.source)

    def _agree(self) -> None:
        """As the agent does: what all of them acknowledged, else what they agreed on before."""
        found = [r.acknowledged for r in self.routers]
        if min(found) >= 0 and all(self.written[i].route == self.written[found[0]].route for i in found):
            self.agreed = max(found)
            self.programmed = self.written[self.agreed].route
            self.note("programmed", self.agreed)

    # Users' requests.

    def _send_requests(self, seconds: float) -> None:
        if not self.rps:
            return
        for router in self.routers:
            written = self.written[router.at] if router.at >= 0 else None
            if written is None or written.route is None:
                continue
            arrivals = min(self.rps * seconds / len(self.routers), 40.0)
            for backend in written.route.backends:
                if backend.weight:
                    self._send(router, written, backend.revision, arrivals * backend.weight / 1000)

    def _send(self, router: Router, written: Written, revision: str, arrivals: float) -> None:
        owed = router.owed.get(revision, 0.0) + arrivals
        requests = int(owed)
        router.owed[revision] = owed - requests
        if not requests:
            return
        self.on_request(written, revision)
        server = self.servers.get(revision)
        if server is None or not server.health.ready:
            failures = requests
        else:
            rate = FAILURE_RATE.get(server.letter, 0.0)
            failures = sum(self.chance.random() < rate for _ in range(requests)) if rate else 0
            if written.uid == self.uid:
                router.busy_until[revision] = self.seconds + REQUEST_SECONDS
        count = router.counts.setdefault(revision, [0, 0])
        count[0] += requests
        count[1] += failures
