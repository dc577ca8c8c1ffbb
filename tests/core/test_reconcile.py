from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from builders import make_deployment
from fairway.api.status import MAX_HISTORY
from fairway.core.model import ArtifactState, Source
from harbour import QUICK, Harbour, live, rolling


def test_a_first_revision_goes_live_as_soon_as_it_is_ready() -> None:
    harbour = Harbour()
    harbour.run_to("Stable", limit=timedelta(minutes=1))
    assert harbour.letter(harbour.stable) == "a"
    assert harbour.rollout.outcome == "FirstRevision"
    assert harbour.rollout.evidence == ()
    assert harbour.status.url == "http://127.0.0.1:9000"


def test_a_good_candidate_is_promoted_step_by_step() -> None:
    harbour = live(make_deployment(rollout=QUICK))
    harbour.traffic.rps, harbour.traffic.failure_rate = 200.0, {"a": 0.005, "b": 0.005}
    weights = [0]
    harbour.edit(uri="file:/models/b")
    while harbour.status.phase != "Stable" or harbour.letter(harbour.stable) != "b":
        harbour.step()
        if harbour.weight != weights[-1] and harbour.status.candidate:
            weights.append(harbour.weight)
    assert weights == [0, 100, 500, 1000]
    assert harbour.rollout.outcome == "Promoted"
    assert [t.event for t in harbour.status.history][-6:] == [
        "Ready",
        "Warmed",
        "StepPassed",
        "LastStepPassed",
        "Promoted",
        "Baked",
    ]


def test_promotion_starts_no_server_and_stops_none_but_the_old_one() -> None:
    harbour = rolling("Baking")
    servers = set(harbour.workloads)
    candidate = harbour.candidate
    harbour.run_to("Stable")
    harbour.run(timedelta(minutes=1))
    assert len(servers) == 2
    assert set(harbour.workloads) == {candidate}


def test_a_bad_candidate_is_sent_back_and_gets_nothing_ever_again() -> None:
    harbour = rolling("Canary")
    harbour.traffic.failure_rate = {"b": 0.5}
    harbour.run_to("RolledBack")
    harbour.traffic.failure_rate = {}
    for _ in range(20):
        harbour.run(timedelta(hours=1))
        harbour.edit(rollout={**QUICK, "bake": {"duration": f"{_ + 1}m"}})
        assert harbour.weight_of("b") == 0
    assert harbour.status.phase == "RolledBack"
    harbour.ask("retry")
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


def test_the_old_revision_stays_warm_through_the_bake() -> None:
    harbour = rolling("Baking")
    old = harbour.stable
    harbour.run_while(lambda: harbour.status.phase == "Baking" and old in harbour.workloads)
    assert harbour.status.phase == "Stable"


def test_an_edit_of_the_rollout_alone_restarts_nothing() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=40))
    harbour.tick()
    evidence = harbour.rollout.evidence
    harbour.edit(rollout={**QUICK, "steps": [{"weight": 90}]})
    harbour.tick()
    assert (harbour.status.phase, harbour.weight, harbour.rollout.evidence) == ("Canary", 100, evidence)
    assert harbour.status.observed_generation == 3


def test_the_bar_does_not_move_while_evidence_is_gathered() -> None:
    """Who loosens `alpha` half way would else be told that an old candidate was judged by it."""
    harbour = rolling()
    before = harbour.rollout.bounds
    harbour.edit(
        uri="file:/models/b",
        rollout={**QUICK, "analysis": {"alpha": "0.2", "tolerate": "1.4"}},
    )
    harbour.tick()
    assert harbour.rollout.bounds == before
    assert harbour.md.spec.rollout.analysis.alpha == 0.2


def test_nothing_is_taken_away_while_it_is_unknown_what_the_routers_send() -> None:
    harbour = rolling("Baking")
    harbour.route = None
    assert harbour.decide().keep is None


def test_a_revision_that_still_answers_requests_is_kept() -> None:
    harbour = rolling("Baking")
    old = harbour.stable
    harbour.run_to("Stable")
    harbour.active = {old: 1}
    harbour.run(timedelta(minutes=5))
    assert old in harbour.workloads
    harbour.active = {}
    harbour.run(timedelta(minutes=1))
    assert old not in harbour.workloads


def test_the_candidate_gets_no_weight_before_the_routers_know_it() -> None:
    harbour = rolling("Warming")
    harbour.routers = False
    harbour.run(timedelta(minutes=5))
    assert harbour.status.phase == "Warming"


def test_the_bake_begins_when_the_routers_send_everything_to_the_candidate() -> None:
    harbour = rolling("Promoting")
    route = harbour.route
    harbour.routers = False
    harbour.route = rolling("Canary").route
    harbour.run(timedelta(hours=1))
    assert harbour.status.phase == "Promoting"
    harbour.route = route
    harbour.run_to("Baking")


@pytest.mark.parametrize(
    "phase", ["Provisioning", "Warming", "Canary", "Paused", "Promoting", "Baking", "RolledBack"]
)
def test_the_same_input_gives_the_same_decision(phase: str) -> None:
    harbour = rolling(phase)
    assert harbour.decide() == harbour.decide()


def test_history_holds_the_last_transitions() -> None:
    harbour = rolling("Canary")
    for _ in range(MAX_HISTORY):
        harbour.ask("pause")
        harbour.ask("resume")
    history = harbour.status.history
    assert len(history) == MAX_HISTORY
    assert [t.event for t in history[-2:]] == ["Held", "Released"]
    assert all(earlier.to is later.from_phase for earlier, later in pairwise(history))


def test_the_record_of_a_rollout_says_when_and_from_what() -> None:
    harbour = rolling("Canary")
    harbour.run_to("Stable")
    rollout = harbour.rollout
    assert harbour.letter(rollout.from_revision) == "a"
    assert rollout.ended_at is not None
    assert rollout.started_at < rollout.ended_at
    assert rollout.weight.declared == 1000


def test_programmed_and_measured_weights_are_observations() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(minutes=2))
    weight = harbour.rollout.weight
    assert (weight.declared, weight.programmed) == (100, 100)
    assert weight.measured is not None
    assert 50 < weight.measured < 150
    harbour.route = None
    harbour.tick()
    assert harbour.rollout.weight.programmed is None
    assert harbour.rollout.weight.declared == 100


def test_a_deployment_is_pending_while_nobody_knows_its_content() -> None:
    harbour = Harbour()
    harbour.contents["file:/models/a"] = ArtifactState("file:/models/a")
    harbour.run(timedelta(minutes=1))
    assert (harbour.status.phase, harbour.status.wanted) == ("Pending", None)
    assert harbour.condition("Reconciling")[0] == "True"


def test_a_route_waits_for_a_port() -> None:
    harbour = Harbour()
    decision = harbour.decide()
    assert decision.route is None
    assert decision.status.port == 9000


def test_content_is_resolved_until_it_is_known_and_with_the_models_own_rights() -> None:
    model = {
        "uri": "s3://models/a",
        "format": "onnx",
        "secretRef": {"name": "keys"},
        "serviceAccountName": "me",
    }
    harbour = Harbour(make_deployment(model=model))
    harbour.contents["s3://models/a"] = ArtifactState("s3://models/a")
    assert harbour.tick().resolve == Source("s3://models/a", "keys", "me")
    harbour.contents["s3://models/a"] = ArtifactState("s3://models/a", "a" * 64)
    assert harbour.tick().resolve is None
    harbour.contents["s3://models/a"] = ArtifactState("s3://models/a")
    assert harbour.tick().resolve is None, "the answer is stored, so it is not asked for again"


def test_content_that_is_pinned_is_not_resolved() -> None:
    harbour = Harbour(make_deployment(model={"uri": "s3://models/a", "format": "onnx", "sha256": "a" * 64}))
    harbour.contents["s3://models/a"] = ArtifactState("s3://models/a")
    assert harbour.tick().resolve is None
