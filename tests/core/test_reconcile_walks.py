"""Random walks through everything that can happen; the harbour checks every decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from builders import artifact, make_deployment
from fairway.core.model import ArtifactState, Decision, Health, WorkloadHealth
from fairway.core.phases import Event
from fairway.core.route import Counts, Sample
from harbour import QUICK, READY, Harbour, live, rolling

RAISING = {
    event.value
    for event in (
        Event.WARMED,
        Event.STEP_FORCED,
        Event.STEP_PASSED,
        Event.LAST_STEP_PASSED,
        Event.PROMOTE_FULL,
        Event.FIRST_READY,
    )
}
ROLLOUTS: list[dict[str, Any]] = [
    QUICK,
    {"steps": [{"weight": 50, "minDuration": "0s", "maxDuration": "1m"}], "bake": {"duration": "0s"}},
    {**QUICK, "analysis": {"interval": "1s", "onInconclusive": "Rollback", "onNoTraffic": "Hold"}},
    {"steps": [{"weight": 1, "maxDuration": "10m"}, {"weight": 99}], "progressDeadline": "1m"},
]
HEALTHS = [READY, WorkloadHealth(Health.STARTING, "loading"), WorkloadHealth(Health.FAILED, "no such input")]
LETTERS = st.sampled_from("abcd")


class Walk(RuleBasedStateMachine):
    """Everything that people, servers, routers, counters and clocks may do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.harbour = Harbour(make_deployment(rollout=QUICK))

    def _tick(self) -> Decision:
        """One decision. The declared weight of a candidate rises only by an event that may raise it."""
        harbour = self.harbour
        before = (harbour.status.candidate, self._declared())
        told = len(harbour.events)
        decision = harbour.tick()
        if harbour.status.candidate == before[0] and self._declared() > before[1]:
            assert set(harbour.events[told:]) & RAISING
        return decision

    def _declared(self) -> int:
        rollout = self.harbour.status.rollout
        return rollout.weight.declared if rollout and self.harbour.status.candidate else 0

    @rule(times=st.integers(1, 25))
    def time_passes(self, times: int) -> None:
        for _ in range(times):
            self.harbour.pass_time(self._tick().look_again)

    @rule(minutes=st.integers(1, 600))
    def the_operator_is_away(self, minutes: int) -> None:
        self.harbour.pass_time(timedelta(minutes=minutes))

    @rule(seconds=st.integers(-4000, 4000))
    def the_clock_is_set(self, seconds: int) -> None:
        self.harbour.now += timedelta(seconds=seconds)

    @rule(letter=LETTERS)
    def the_model_is_edited(self, letter: str) -> None:
        self.harbour.edit(uri=f"file:/models/{letter}")

    @rule(rollout=st.sampled_from(ROLLOUTS))
    def the_rollout_is_edited(self, rollout: dict[str, Any]) -> None:
        self.harbour.edit(rollout=rollout)

    @rule(seconds=st.integers(1, 90))
    def the_timeout_is_edited(self, seconds: int) -> None:
        self.harbour.edit(traffic={"timeouts": {"request": f"{seconds}s"}})

    @rule(verb=st.sampled_from(["promote", "abort", "pause", "resume", "retry"]), full=st.booleans())
    def somebody_asks(self, verb: str, full: bool) -> None:
        before = self.harbour.status
        self.harbour.ask(verb, full=full)
        assert len(self.harbour.status.requests) >= min(10, len(before.requests) + 1)

    @rule(letter=LETTERS, health=st.sampled_from(HEALTHS))
    def servers_change_their_health(self, letter: str, health: WorkloadHealth) -> None:
        for revision in self.harbour.workloads:
            if self.harbour.letter(revision) == letter:
                restarts = self.harbour.workloads[revision].restarts
                self.harbour.set_health(revision, WorkloadHealth(health.health, health.message, restarts))

    @rule(letter=LETTERS, health=st.sampled_from(HEALTHS))
    def servers_will_start_like_that(self, letter: str, health: WorkloadHealth) -> None:
        self.harbour.starts_as[letter] = health

    @rule(letter=LETTERS)
    def a_server_restarts(self, letter: str) -> None:
        for revision in self.harbour.workloads:
            if self.harbour.letter(revision) == letter:
                self.harbour.restart(revision)

    @rule(
        rps=st.sampled_from([0.0, 0.1, 5.0, 200.0]),
        letter=LETTERS,
        rate=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    )
    def users_change(self, rps: float, letter: str, rate: float) -> None:
        self.harbour.traffic.rps = rps
        self.harbour.traffic.failure_rate[letter] = rate

    @rule(readable=st.booleans())
    def telemetry_comes_and_goes(self, readable: bool) -> None:
        self.harbour.telemetry = readable

    @rule()
    def the_router_restarts(self) -> None:
        self.harbour.source += "+"
        self.harbour.counts = {}

    @rule(counts=st.builds(Counts, st.integers(-1, 2**70), st.integers(-1, 2**70)), hostile=st.booleans())
    def counters_lie(self, counts: Counts, hostile: bool) -> None:
        def lie(sample: Sample) -> Sample:
            return Sample(sample.source, dict.fromkeys(sample.counts, counts)) if hostile else sample

        self.harbour.spoil = lie

    @rule(works=st.booleans(), words=st.sampled_from([None, "duplicate listener"]))
    def routers_take_routes_or_not(self, works: bool, words: str | None) -> None:
        self.harbour.routers, self.harbour.rejected = works, words

    @rule()
    def the_routers_forget_everything(self) -> None:
        self.harbour.route = None

    @rule(count=st.sampled_from([None, 0, 3]))
    def requests_are_in_flight(self, count: int | None) -> None:
        names = self.harbour.workloads
        self.harbour.active = None if count is None else dict.fromkeys(names, count)

    @rule(letter=LETTERS, kind=st.sampled_from(["fine", "unreadable", "unknown", "changed"]))
    def content_changes(self, letter: str, kind: str) -> None:
        uri = f"file:/models/{letter}"
        self.harbour.contents[uri] = {
            "fine": artifact(uri),
            "unreadable": ArtifactState(uri, error="no such file"),
            "unknown": ArtifactState(uri),
            "changed": artifact("file:/models/e"),
        }[kind]

    @invariant()
    def the_decision_comes_to_rest(self) -> None:
        """At one instant: a few transitions, then the same status again and again."""
        for _ in range(20):
            before = self.harbour.status
            if self._tick().look_again and self.harbour.status == before:
                break
        else:
            raise AssertionError(f"still moving: {self.harbour.events[-20:]}")
        assert self.harbour.decide() == self.harbour.decide()

    def teardown(self) -> None:
        """When the world behaves again, every rollout ends or waits for a person."""
        harbour = self.harbour
        harbour.telemetry, harbour.routers, harbour.rejected, harbour.active = True, True, None, {}
        harbour.spoil = lambda sample: sample
        harbour.contents.clear()
        harbour.starts_as.clear()
        for revision in harbour.workloads:
            harbour.set_health(revision, READY)
        harbour.traffic.rps, harbour.traffic.failure_rate = 50.0, {}
        harbour.run(timedelta(seconds=30))
        harbour.run_while(self._is_going_on, limit=timedelta(hours=8))

    def _is_going_on(self) -> bool:
        status = self.harbour.status
        if status.phase in {"Stable", "RolledBack", "Failed"}:
            return False
        reasons = {p.reason.value for p in status.rollout.pauses} if status.rollout else set()
        return not reasons & {"User", "Inconclusive", "NoTraffic"}


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


_ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["time", "away", "clock", "users", "router"]),
        st.integers(1, 4000),
    ),
    max_size=8,
)


@given(st.sampled_from(["Canary", "Paused", "Baking"]), _ACTIONS, st.sampled_from([0.0, 0.1, 100.0]))
@settings(max_examples=40, deadline=None)
def test_without_telemetry_nothing_is_promoted_whatever_else_happens(
    phase: str, actions: list[tuple[str, int]], rps: float
) -> None:
    harbour = rolling(phase)
    harbour.run(timedelta(seconds=20))
    harbour.tick()
    harbour.telemetry = False
    harbour.traffic.rps = rps
    stable, declared = harbour.stable, harbour.rollout.weight.declared
    for kind, number in actions:
        if kind == "time":
            harbour.run(timedelta(seconds=number))
        elif kind == "away":
            harbour.pass_time(timedelta(minutes=number))
        elif kind == "clock":
            harbour.now += timedelta(seconds=number - 2000)
        elif kind == "users":
            harbour.traffic.rps = number / 10
        else:
            harbour.source += "+"
        harbour.tick()
        assert (harbour.stable, harbour.rollout.weight.declared) == (stable, declared)


@given(st.lists(st.integers(0, 10**6), min_size=8, max_size=8), st.booleans())
@settings(max_examples=30, deadline=None)
def test_counters_that_only_go_backwards_promote_nobody(numbers: list[int], both: bool) -> None:
    harbour = live(make_deployment(rollout=QUICK))
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    for high in sorted(set(numbers), reverse=True):
        mine, theirs = Counts(high, 0), Counts(high if both else 0, 0)
        sample = Sample("router-1", {harbour.candidate: mine, harbour.stable: theirs})
        harbour.spoil = lambda _, sample=sample: sample  # type: ignore[misc]
        harbour.step()
    assert harbour.rollout.evidence == () or harbour.rollout.evidence[0].intervals == 0
    assert harbour.status.phase == "Canary"
    assert harbour.weight == 100
