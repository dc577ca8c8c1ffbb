from __future__ import annotations

from datetime import timedelta

import pytest

from harbour import Harbour, live, rolling


def _ended(how: str) -> Harbour:
    harbour = rolling("Canary")
    if how == "Aborted":
        harbour.ask("abort")
    elif how == "Reverted":
        harbour.edit(uri="file:/models/a")
    elif how == "Regression":
        harbour.traffic.failure_rate["b"] = 0.5
    elif how == "CandidateLost":
        for _ in range(3):
            harbour.restart(harbour.candidate)
    harbour.run_to("Stable", "RolledBack")
    return harbour


@pytest.mark.parametrize("how", ["Aborted", "Regression", "CandidateLost"])
def test_a_candidate_that_was_sent_back_is_rejected(how: str) -> None:
    harbour = _ended(how)
    assert harbour.rollout.outcome == how
    assert harbour.status.rejected == (harbour.rollout.revision,)
    assert harbour.status.candidate is None


def test_a_candidate_that_was_edited_away_is_not_rejected() -> None:
    harbour = _ended("Reverted")
    assert (harbour.status.phase, harbour.status.rejected) == ("Stable", ())


def test_a_promotion_moves_each_revision_one_role_on() -> None:
    harbour = rolling("Baking")
    old, new = harbour.stable, harbour.candidate
    harbour.run_to("Stable")
    assert (harbour.stable, harbour.status.candidate, harbour.status.previous) == (new, None, old)


def test_a_rejected_revision_that_is_retried_and_rejected_again_is_named_once() -> None:
    harbour = _ended("Aborted")
    harbour.ask("retry")
    harbour.run_to("Canary")
    harbour.ask("abort")
    harbour.run_to("RolledBack")
    assert len(harbour.status.rejected) == 1


def test_a_phase_that_does_not_change_keeps_its_time() -> None:
    harbour = rolling("Canary")
    since = harbour.status.phase_since
    harbour.run_while(lambda: harbour.weight < 500)
    assert (harbour.status.phase, harbour.status.phase_since) == ("Canary", since)


def test_a_record_ends_when_the_way_back_has_been_gone() -> None:
    harbour = rolling("Canary")
    harbour.tick()
    harbour.active = {harbour.candidate: 1}
    harbour.ask("abort")
    harbour.run(timedelta(seconds=5))
    assert harbour.rollout.ended_at is None
    harbour.active = {}
    harbour.run_to("RolledBack")
    assert harbour.rollout.ended_at is not None


def test_a_forced_step_makes_it_a_users_promotion() -> None:
    harbour = rolling("Canary")
    harbour.ask("promote")
    harbour.run_to("Stable")
    assert [s.result for s in harbour.rollout.steps] == ["Forced", "Safe"]
    assert harbour.rollout.outcome == "PromotedByUser"


def test_what_is_declared_is_written_down_before_anybody_programs_it() -> None:
    harbour = rolling("Canary")
    harbour.routers = False
    harbour.ask("promote")
    assert harbour.rollout.weight.declared == 500
    assert harbour.rollout.weight.programmed == 100


def test_a_live_revision_is_declared_to_have_everything() -> None:
    assert live().rollout.weight.declared == 1000
