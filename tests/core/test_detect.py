from __future__ import annotations

from datetime import timedelta

import pytest

from builders import artifact, digest, make_deployment
from fairway.core.detect import MAX_RESTARTS, UNREADY_GRACE
from fairway.core.model import ArtifactState, Health, WorkloadHealth
from harbour import QUICK, READY, Harbour, live, rolling

STARTING = WorkloadHealth(Health.STARTING, "loading")
BROKEN = WorkloadHealth(Health.FAILED, "the graph has no input named x")
IN_FLIGHT = ["Provisioning", "Warming", "Canary", "Paused", "Promoting", "Baking"]
WITH_SERVERS = ["Warming", "Canary", "Paused", "Promoting", "Baking"]


@pytest.mark.parametrize("phase", IN_FLIGHT)
def test_an_edit_back_to_the_stable_revision_ends_in_stable(phase: str) -> None:
    harbour = rolling(phase)
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Stable")
    assert (harbour.rollout.outcome, harbour.status.rejected) == ("Reverted", ())
    harbour.run(timedelta(minutes=1))
    assert (harbour.weight_of("a"), len(harbour.workloads)) == (1000, 1)


@pytest.mark.parametrize("phase", sorted({*IN_FLIGHT} - {"Baking"}))
def test_a_new_revision_supersedes_the_running_one_which_gives_up_its_traffic_first(phase: str) -> None:
    harbour = rolling(phase)
    harbour.edit(uri="file:/models/c")
    harbour.run_while(lambda: harbour.letter(harbour.status.candidate) != "c")
    assert harbour.weight_of("b") == 0
    assert "Superseded" in [t.event for t in harbour.status.history]
    assert harbour.letter(harbour.rollout.from_revision) == "a"
    assert harbour.status.rejected == ()
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "c"


def test_the_superseded_candidate_answers_its_last_requests_before_the_next_one_starts() -> None:
    harbour = rolling("Canary")
    harbour.tick()
    harbour.active = {harbour.candidate: 2}
    harbour.edit(uri="file:/models/c")
    harbour.run(timedelta(seconds=5))
    assert (harbour.status.phase, harbour.letter(harbour.candidate)) == ("RollingBack", "b")
    harbour.active = {}
    harbour.run(timedelta(seconds=1))
    assert harbour.letter(harbour.candidate) == "c"


def test_a_candidate_that_hangs_on_to_its_requests_is_cleared_after_their_deadline() -> None:
    harbour = rolling("Canary")
    harbour.tick()
    harbour.active = {harbour.candidate: 2}
    harbour.ask("abort")
    harbour.run_to("RolledBack", limit=timedelta(seconds=35))


def test_a_superseded_revision_may_come_back() -> None:
    harbour = rolling("Canary")
    harbour.edit(uri="file:/models/c")
    harbour.run_to("RollingBack")
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


def _safe_in_the_bake() -> Harbour:
    harbour = rolling("Canary", rollout={**QUICK, "bake": {"duration": "1h"}})
    harbour.run_to("Baking")
    harbour.run(timedelta(minutes=2))
    assert harbour.rollout.evidence[0].verdict == "Safe"
    return harbour


def test_a_candidate_shown_safe_becomes_stable_before_the_next_one_starts() -> None:
    harbour = _safe_in_the_bake()
    harbour.edit(uri="file:/models/c")
    harbour.run_while(lambda: harbour.letter(harbour.status.candidate) != "c", limit=timedelta(minutes=2))
    assert harbour.letter(harbour.stable) == "b"
    assert "Superseded" not in [t.event for t in harbour.status.history]


def test_a_candidate_shown_safe_bakes_on_when_the_next_one_cannot_be_read() -> None:
    harbour = _safe_in_the_bake()
    harbour.contents["file:/models/c"] = ArtifactState("file:/models/c", error="no such file")
    harbour.edit(uri="file:/models/c")
    harbour.run(timedelta(minutes=5))
    assert (harbour.status.phase, harbour.weight_of("b")) == ("Baking", 1000)
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


def test_a_candidate_not_shown_safe_goes_back_when_superseded_in_the_bake() -> None:
    harbour = rolling("Promoting")
    harbour.traffic.rps = 0.01
    harbour.run_to("Baking")
    harbour.edit(uri="file:/models/c")
    harbour.run_while(lambda: harbour.letter(harbour.status.candidate) != "c")
    assert harbour.letter(harbour.stable) == "a"


def test_a_revision_that_was_sent_back_is_refused_until_retry() -> None:
    harbour = rolling("RolledBack")
    rejected = harbour.status.rejected
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Stable")
    harbour.edit(uri="file:/models/b")
    harbour.run(timedelta(hours=1))
    assert (harbour.status.phase, harbour.status.candidate) == ("RolledBack", None)
    assert harbour.weight_of("a") == 1000
    assert harbour.status.rejected == rejected
    harbour.ask("retry")
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


def test_an_edit_to_a_refused_revision_in_flight_ends_in_rolled_back() -> None:
    harbour = rolling("RolledBack")
    harbour.edit(uri="file:/models/c")
    harbour.run_to("Canary")
    harbour.edit(uri="file:/models/b")
    harbour.run_to("RolledBack")
    harbour.tick()
    assert harbour.weight_of("a") == 1000
    assert harbour.condition("Stalled") == ("True", "Refused")


@pytest.mark.parametrize("phase", sorted({*IN_FLIGHT} - {"Baking"}))
@pytest.mark.parametrize("fault", ["unreadable", "another digest than the pin"])
def test_an_edit_that_cannot_be_followed_takes_the_candidate_back(phase: str, fault: str) -> None:
    """It is not what the spec asks for any more; stable is the last thing that was proven."""
    harbour = rolling(phase)
    harbour.traffic.rps = 0.0
    if fault == "unreadable":
        harbour.contents["file:/models/c"] = ArtifactState("file:/models/c", error="no such file")
        harbour.edit(uri="file:/models/c")
    else:
        harbour.edit(sha256=digest("c"))
    harbour.run_to("RolledBack", limit=timedelta(minutes=1))
    assert harbour.weight_of("a") == 1000
    assert harbour.condition("Stalled")[1] in {"ModelNotReadable", "ModelDigestMismatch"}
    assert harbour.status.rejected == ()
    harbour.contents.clear()
    harbour.edit(uri="file:/models/c")
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "c"


def test_content_still_being_looked_up_sends_nobody_back() -> None:
    harbour = rolling("Canary")
    harbour.contents["file:/models/c"] = ArtifactState("file:/models/c")
    harbour.edit(uri="file:/models/c")
    harbour.run(timedelta(seconds=40))
    assert (harbour.status.phase, harbour.letter(harbour.candidate)) == ("Canary", "b")


def test_an_unreadable_edit_of_a_first_revision_leaves_a_pending_resource() -> None:
    """There is no stable revision to go back to, and none is claimed."""
    harbour = Harbour()
    harbour.starts_as["a"] = STARTING
    harbour.tick()
    harbour.contents["file:/models/b"] = ArtifactState("file:/models/b", error="no such file")
    harbour.edit(uri="file:/models/b")
    harbour.run(timedelta(minutes=1))
    assert (harbour.status.phase, harbour.status.stable) == ("Pending", None)
    assert harbour.condition("Stalled") == ("True", "ModelNotReadable")
    harbour.contents["file:/models/b"] = artifact("file:/models/b")
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


@pytest.mark.parametrize("phase", WITH_SERVERS)
def test_a_candidate_that_dies_three_times_is_sent_back(phase: str) -> None:
    harbour = rolling(phase)
    harbour.routers = phase != "Warming"
    for _ in range(MAX_RESTARTS):
        assert harbour.status.phase not in {"RollingBack", "RolledBack"}
        harbour.restart(harbour.candidate)
        harbour.tick()
    harbour.routers = True
    harbour.run_to("RolledBack", limit=timedelta(minutes=1))
    assert harbour.rollout.outcome == "CandidateLost"
    assert "died 3 times" in harbour.rollout.message


def test_deaths_before_it_was_ready_are_not_held_against_a_candidate() -> None:
    harbour = rolling("Provisioning")
    harbour.set_health(harbour.candidate, WorkloadHealth(Health.STARTING, "loading", restarts=7))
    harbour.tick()
    harbour.set_health(harbour.candidate, WorkloadHealth(Health.READY, restarts=7))
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


@pytest.mark.parametrize("phase", WITH_SERVERS)
def test_a_candidate_that_cannot_go_on_is_sent_back_with_its_words(phase: str) -> None:
    harbour = rolling(phase)
    harbour.set_health(harbour.candidate, BROKEN)
    harbour.tick()
    assert (harbour.status.phase, harbour.weight) == ("RollingBack", 0)
    assert BROKEN.message in harbour.rollout.message


@pytest.mark.parametrize("phase", WITH_SERVERS)
def test_a_candidate_that_is_not_ready_for_too_long_is_sent_back(phase: str) -> None:
    harbour = rolling(phase)
    harbour.set_health(harbour.candidate, STARTING)
    begun = harbour.age
    harbour.run_to("RollingBack", limit=timedelta(minutes=2))
    assert UNREADY_GRACE <= harbour.age - begun <= UNREADY_GRACE + timedelta(seconds=16)


def test_a_candidate_that_is_ready_again_in_time_stays() -> None:
    harbour = rolling("Canary")
    for _ in range(3):
        harbour.set_health(harbour.candidate, STARTING)
        harbour.run(timedelta(seconds=20))
        harbour.set_health(harbour.candidate, READY)
        harbour.run(timedelta(seconds=20))
    assert harbour.status.phase == "Canary"


def test_a_candidate_that_never_gets_ready_fails_at_the_deadline() -> None:
    harbour = live(make_deployment(rollout={**QUICK, "progressDeadline": "3m"}))
    harbour.starts_as["b"] = STARTING
    harbour.edit(uri="file:/models/b")
    begun = harbour.age
    harbour.run_to("Failed", limit=timedelta(minutes=4))
    assert harbour.age - begun >= timedelta(minutes=3)
    assert harbour.rollout.outcome == "NeverReady"
    assert harbour.rollout.message == "not ready within 180 s: loading"
    assert harbour.letter(harbour.status.rejected[0]) == "b"
    harbour.run(timedelta(hours=1))
    assert (harbour.status.phase, harbour.weight_of("a")) == ("Failed", 1000)
    assert [harbour.letter(r) for r in harbour.workloads] == ["a"]


def test_a_candidate_whose_model_is_at_fault_fails_at_once() -> None:
    harbour = live()
    harbour.starts_as["b"] = BROKEN
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Failed", limit=timedelta(minutes=1))
    assert harbour.rollout.message == BROKEN.message


def test_a_failed_revision_may_be_retried_or_given_up() -> None:
    harbour = live()
    harbour.starts_as["b"] = BROKEN
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Failed")
    harbour.starts_as.clear()
    harbour.ask("retry")
    harbour.run_to("Canary")
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Stable")


def test_a_first_revision_is_never_given_up() -> None:
    """There is nothing to fall back on, and what it waits for may be a new node."""
    harbour = Harbour()
    harbour.starts_as["a"] = STARTING
    harbour.run(timedelta(hours=12))
    assert (harbour.status.phase, harbour.letter(harbour.candidate)) == ("Provisioning", "a")
    harbour.set_health(harbour.candidate, READY)
    harbour.run_to("Stable")


def test_the_end_of_a_rollout_is_told_with_a_warning_when_it_is_bad() -> None:
    harbour = rolling("Canary")
    harbour.set_health(harbour.candidate, BROKEN)
    harbour.run_to("RolledBack")
    warned = [n.reason for n in harbour.notices if n.severity == "Warning"]
    assert warned == ["CandidateLost"]
