from __future__ import annotations

from datetime import timedelta

import pytest

from builders import digest
from fairway.core.conditions import CHAINS
from fairway.core.model import ArtifactState, Health, WorkloadHealth
from harbour import READY, Harbour, live, rolling

BROKEN = WorkloadHealth(Health.FAILED, "the graph has no input named x")
STARTING = WorkloadHealth(Health.STARTING, "loading")

KSTATUS = {
    "Provisioning": ("False", "True", "False"),
    "Warming": ("False", "True", "False"),
    "Canary": ("False", "True", "False"),
    "Paused": ("False", "True", "False"),
    "Promoting": ("False", "True", "False"),
    "Baking": ("False", "True", "False"),
    "RollingBack": ("False", "True", "False"),
    "RolledBack": ("False", "False", "True"),
}


@pytest.mark.parametrize(("phase", "want"), KSTATUS.items(), ids=KSTATUS.keys())
def test_ready_reconciling_and_stalled_follow_kstatus(phase: str, want: tuple[str, str, str]) -> None:
    harbour = rolling(phase)
    assert tuple(harbour.condition(kind)[0] for kind in ("Ready", "Reconciling", "Stalled")) == want
    assert harbour.condition("Available") == ("True", "Serving")


def test_a_settled_resource_is_ready_and_nothing_else() -> None:
    harbour = live()
    harbour.tick()
    true = {kind for kind in CHAINS if harbour.condition(kind)[0] == "True"}
    assert true == {"Ready", "Available", "Promoted"}
    assert harbour.condition("Ready") == ("True", "FirstRevision")


def test_ready_says_how_the_revision_came_to_be_live() -> None:
    harbour = rolling("Canary")
    harbour.run_to("Stable")
    harbour.tick()
    assert harbour.condition("Ready") == ("True", "Promoted")


def test_ready_does_not_borrow_the_end_of_a_rollout_that_went_back() -> None:
    """After a revert the last rollout's end is that of the candidate, not of what is live."""
    harbour = rolling("RolledBack")
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Stable")
    harbour.tick()
    assert harbour.condition("Ready") == ("True", "Live")
    assert harbour.condition("Promoted") == ("True", "Live")


def test_a_refused_revision_is_stalled_for_that_reason_and_no_other() -> None:
    """The last rollout, of another revision, was promoted: that is no reason to be stalled."""
    harbour = rolling("RolledBack")
    harbour.edit(uri="file:/models/c")
    harbour.run_to("Stable")
    harbour.edit(uri="file:/models/b")
    harbour.run_to("RolledBack")
    harbour.tick()
    for kind in ("Stalled", "RolledBack", "Degraded"):
        assert harbour.condition(kind) == ("True", "Refused")
    stalled = harbour.status.condition("Stalled")
    assert stalled is not None
    assert "was sent back before; `fairway retry` tries it again" in stalled.message


def test_the_servers_own_words_say_why_a_first_revision_is_stalled() -> None:
    harbour = Harbour()
    harbour.starts_as["a"] = BROKEN
    harbour.run(timedelta(minutes=1))
    assert harbour.condition("Stalled") == ("True", "ModelCannotBeServed")
    assert harbour.condition("Available") == ("False", "NoRevisionReady")
    stalled = harbour.status.condition("Stalled")
    assert stalled is not None
    assert stalled.message == "the graph has no input named x"


def test_a_first_revision_that_is_still_loading_is_not_stalled() -> None:
    harbour = Harbour()
    harbour.starts_as["a"] = STARTING
    harbour.run(timedelta(minutes=1))
    assert harbour.condition("Stalled") == ("False", "NotStalled")
    assert harbour.condition("Reconciling") == ("True", "Provisioning")


def test_a_model_that_cannot_be_read_is_stalled_with_the_stores_words() -> None:
    harbour = Harbour()
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a", error="no such file")
    harbour.run(timedelta(minutes=1))
    assert harbour.condition("Stalled") == ("True", "ModelNotReadable")
    assert harbour.condition("Reconciling")[0] == "False"


def test_a_store_that_is_down_does_not_matter_to_what_is_live() -> None:
    harbour = live()
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a", error="timed out")
    harbour.run(timedelta(minutes=1))
    assert harbour.condition("Ready")[0] == "True"


def test_changed_content_under_the_same_uri_is_reported_and_not_served() -> None:
    harbour = live()
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a", digest("e"))
    harbour.run(timedelta(minutes=5))
    assert harbour.condition("Degraded") == ("True", "ModelContentChanged")
    assert harbour.condition("Ready")[0] == "True"
    assert harbour.status.phase == "Stable"
    assert harbour.letter(harbour.stable) == "a"


def test_changed_content_is_rolled_out_once_it_is_pinned() -> None:
    harbour = live()
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a", digest("e"))
    harbour.edit(sha256=digest("e"))
    harbour.run_to("Canary")
    assert harbour.letter(harbour.candidate) == "e"


def test_a_pin_that_does_not_fit_the_content_is_stalled_and_nothing_starts() -> None:
    harbour = live()
    harbour.edit(uri="file:/models/b", sha256=digest("c"))
    harbour.run(timedelta(minutes=1))
    assert harbour.condition("Stalled") == ("True", "ModelDigestMismatch")
    assert (harbour.status.phase, harbour.status.wanted, harbour.status.candidate) == ("Stable", None, None)
    assert len(harbour.workloads) == 1


def test_a_refused_route_is_stalled_with_the_routers_words() -> None:
    harbour = live()
    harbour.rejected = "duplicate listener"
    harbour.tick()
    assert harbour.condition("Stalled") == ("True", "RouteRejected")
    assert harbour.condition("Ready") == ("False", "RouteRejected")
    assert harbour.condition("Available")[0] == "True"


def test_a_rollout_whose_route_is_refused_is_stalled_and_not_reconciling() -> None:
    harbour = rolling("Canary")
    harbour.rejected = "duplicate listener"
    harbour.tick()
    assert harbour.condition("Stalled") == ("True", "RouteRejected")
    assert harbour.condition("Reconciling") == ("False", "RouteRejected")


def test_a_stable_revision_that_is_not_ready_is_not_available() -> None:
    harbour = live()
    harbour.set_health(harbour.stable, STARTING)
    harbour.tick()
    for kind in ("Available", "Ready"):
        assert harbour.condition(kind) == ("False", "StableNotReady")
    assert harbour.condition("Degraded") == ("True", "StableNotReady")


def test_an_old_revision_that_dies_in_the_bake_leaves_users_answered() -> None:
    harbour = rolling("Baking")
    harbour.set_health(harbour.stable, STARTING)
    harbour.tick()
    assert harbour.condition("Available") == ("True", "Serving")
    assert harbour.condition("Degraded") == ("True", "StableNotReady")


def test_a_transition_time_moves_only_when_its_status_does() -> None:
    harbour = live()
    harbour.tick()
    before = {c.type: c.last_transition_time for c in harbour.status.conditions}
    harbour.run(timedelta(hours=1))
    assert {c.type: c.last_transition_time for c in harbour.status.conditions} == before
    harbour.set_health(harbour.stable, STARTING)
    harbour.tick()
    after = {c.type: c.last_transition_time for c in harbour.status.conditions}
    assert {kind for kind in CHAINS if after[kind] != before[kind]} == {"Ready", "Available", "Degraded"}
    harbour.set_health(harbour.stable, READY)
    harbour.tick()
    assert harbour.condition("Ready")[0] == "True"


def test_conditions_and_status_name_the_generation_they_are_about() -> None:
    harbour = live()
    harbour.edit(uri="file:/models/b")
    harbour.tick()
    assert harbour.status.observed_generation == 2
    assert {c.observed_generation for c in harbour.status.conditions} == {2}
    assert harbour.letter(harbour.status.wanted) == "b"


def test_a_pause_is_a_condition_with_its_reason() -> None:
    harbour = rolling("Paused")
    harbour.tick()
    assert harbour.condition("Paused") == ("True", "User")
    harbour.ask("resume")
    assert harbour.condition("Paused") == ("False", "NotPaused")


def test_content_that_is_being_read_is_neither_ready_nor_stalled() -> None:
    """A resolver that waits for a node may get one: nobody should be told to act."""
    harbour = Harbour()
    words = "no node takes the pod: 0/3 nodes are available"
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a", waiting=words)
    harbour.run(timedelta(minutes=1))
    reconciling = harbour.status.condition("Reconciling")
    assert harbour.condition("Reconciling") == ("True", "ResolvingModel")
    assert reconciling is not None
    assert reconciling.message == words
    assert harbour.condition("Ready") == ("False", "ResolvingModel")
    assert harbour.condition("Stalled")[0] == "False"


def test_what_was_sent_back_does_not_stall_what_is_asked_now() -> None:
    harbour = rolling("RolledBack")
    harbour.edit(uri="file:/models/d")
    harbour.contents["file:/models/d"] = ArtifactState("file:/models/d")
    harbour.tick()
    assert harbour.condition("Reconciling") == ("True", "ResolvingModel")
    assert harbour.condition("Stalled")[0] == "False"


def test_content_that_changed_before_it_was_fetched_fails_the_rollout_at_once() -> None:
    harbour = live()
    words = "the model cannot be fetched: ModelContentChanged: s3://models/b now has sha256 e"
    harbour.starts_as["b"] = WorkloadHealth(Health.FAILED, words, content_changed=True)
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Failed", limit=timedelta(minutes=1))
    stalled = harbour.status.condition("Stalled")
    assert stalled is not None
    assert words in stalled.message
    assert harbour.letter(harbour.stable) == "a"


def test_a_first_revision_whose_content_changed_says_so() -> None:
    harbour = Harbour()
    harbour.starts_as["a"] = WorkloadHealth(Health.FAILED, "now has sha256 e", content_changed=True)
    harbour.run(timedelta(minutes=1))
    for kind in ("Stalled", "Degraded"):
        assert harbour.condition(kind) == ("True", "ModelContentChanged")
