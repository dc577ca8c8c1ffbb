from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import make_deployment
from fairway.core.route import Sample
from fairway.core.steps import next_index
from harbour import QUICK, Harbour, rolling

ONE_STEP = [{"weight": 10, "minDuration": "1m", "maxDuration": "20m"}]


def _one_step(rps: float, **analysis: Any) -> Harbour:
    harbour = rolling("Canary", rollout={"steps": ONE_STEP, "bake": {"duration": "1m"}, "analysis": analysis})
    harbour.traffic.rps = rps
    return harbour


def _hint_of_harm(harbour: Harbour) -> None:
    """Two failures of the candidate among few requests, none of stable among many: a hint and no proof."""
    for _ in range(2):
        harbour.run(timedelta(seconds=15))
        harbour.tick()
        harbour.count("a", requests=40)
        harbour.count("b", requests=2, failures=1)


def test_a_step_ends_on_evidence_and_not_before_its_minimum() -> None:
    harbour = _one_step(rps=2000.0)
    begun = harbour.age
    harbour.run_while(lambda: harbour.status.phase == "Canary")
    assert harbour.age - begun >= timedelta(minutes=1)
    assert [(s.weight, s.result) for s in harbour.rollout.steps] == [(10, "Safe")]


def test_a_candidate_that_is_safe_at_every_step_is_promoted() -> None:
    harbour = rolling("Canary")
    harbour.run_to("Stable")
    assert harbour.rollout.outcome == "Promoted"
    assert [(s.weight, s.result) for s in harbour.rollout.steps] == [(10, "Safe"), (50, "Safe")]
    assert harbour.letter(harbour.stable) == "b"
    assert harbour.letter(harbour.status.previous) == "a"


def test_without_a_single_request_the_rollout_passes_at_the_minimum_and_says_so() -> None:
    harbour = rolling("Canary")
    harbour.traffic.rps = 0.0
    harbour.run_to("Stable", limit=timedelta(minutes=10))
    assert harbour.rollout.outcome == "PromotedWithoutTraffic"
    assert {s.result for s in harbour.rollout.steps} == {"NoTraffic"}


def test_a_step_without_requests_does_not_pass_over_an_earlier_hint_of_harm() -> None:
    harbour = _one_step(rps=0.0)
    _hint_of_harm(harbour)
    harbour.ask("pause")
    harbour.run(timedelta(hours=1))
    harbour.ask("resume")
    harbour.edit(rollout={"steps": [*ONE_STEP, {"weight": 50, "maxDuration": "20m"}]})
    harbour.ask("promote")
    assert harbour.weight == 500
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    assert harbour.condition("Paused") == ("True", "Inconclusive")


def test_without_a_single_request_the_step_is_held_where_the_spec_says_so() -> None:
    harbour = _one_step(rps=0.0, onNoTraffic="Hold")
    harbour.run_to("Paused", limit=timedelta(minutes=10))
    assert harbour.condition("Paused") == ("True", "NoTraffic")
    harbour.run(timedelta(hours=3))
    assert harbour.status.phase == "Paused"
    harbour.traffic.rps = 20.0
    harbour.run_to("Stable")


def test_little_traffic_without_a_hint_of_harm_goes_on_at_the_maximum() -> None:
    harbour = _one_step(rps=0.1)
    begun = harbour.age
    harbour.run_while(lambda: harbour.status.phase == "Canary")
    assert timedelta(minutes=20) <= harbour.age - begun <= timedelta(minutes=22)
    harbour.run_to("Stable")
    assert harbour.rollout.outcome == "PromotedOnLittleTraffic"


def test_little_traffic_with_a_hint_of_harm_is_held() -> None:
    harbour = _one_step(rps=0.01)
    _hint_of_harm(harbour)
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    assert harbour.condition("Paused") == ("True", "Inconclusive")
    assert "points to harm" in harbour.rollout.pauses[0].message


def test_resume_watches_a_held_step_once_more() -> None:
    harbour = _one_step(rps=0.01)
    _hint_of_harm(harbour)
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    resumed = harbour.age
    harbour.ask("resume")
    harbour.tick()
    assert (harbour.status.phase, harbour.weight) == ("Canary", 100)
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    assert harbour.age - resumed >= timedelta(minutes=20)
    assert harbour.rollout.evidence[0].candidate_failures == 2


def test_a_held_step_goes_on_by_itself_once_the_candidate_is_safe() -> None:
    harbour = _one_step(rps=0.01)
    _hint_of_harm(harbour)
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    harbour.traffic.rps = 50.0
    harbour.run_to("Stable")
    assert harbour.rollout.outcome == "Promoted"


def test_a_held_step_goes_back_once_the_hint_becomes_proof() -> None:
    harbour = _one_step(rps=0.01)
    _hint_of_harm(harbour)
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    harbour.traffic.rps, harbour.traffic.failure_rate = 20.0, {"a": 0.01, "b": 0.2}
    harbour.run_to("RolledBack")
    assert harbour.rollout.outcome == "Regression"


def test_little_traffic_is_held_where_the_spec_says_so() -> None:
    harbour = _one_step(rps=0.1, onInconclusive="Hold")
    harbour.run_to("Paused", limit=timedelta(minutes=30))
    assert harbour.condition("Paused") == ("True", "Inconclusive")


def test_little_traffic_is_sent_back_where_the_spec_says_so() -> None:
    harbour = _one_step(rps=0.1, onInconclusive="Rollback")
    harbour.run_to("RolledBack", limit=timedelta(minutes=30))
    assert harbour.rollout.outcome == "Inconclusive"
    assert harbour.condition("RolledBack") == ("True", "Inconclusive")


@pytest.mark.parametrize("choice", ["Advance", "Hold", "Rollback"])
def test_a_step_of_which_nothing_could_be_counted_is_held_whatever_the_spec_says(choice: str) -> None:
    harbour = _one_step(rps=20.0, onInconclusive=choice)
    for _ in range(200):
        harbour.step()
        harbour.restart(harbour.stable)
        if harbour.status.phase != "Canary":
            break
    assert harbour.status.phase == "Paused"
    assert "not one interval" in harbour.rollout.pauses[0].message


def test_a_candidate_that_everybody_is_routed_past_is_not_promoted_on_little_traffic() -> None:
    """Thousands for stable and none for it is no quiet night, it is a broken route."""
    harbour = _one_step(rps=1.0)
    candidate = harbour.status.candidate
    harbour.spoil = lambda seen: Sample(seen.source, {k: v for k, v in seen.counts.items() if k != candidate})
    harbour.run_until_settled()
    assert harbour.status.phase == "Paused"
    assert "got none of" in harbour.rollout.pauses[0].message


def test_an_edit_of_the_steps_neither_restarts_nor_moves_the_running_one() -> None:
    harbour = rolling("Canary")
    harbour.run(timedelta(seconds=40))
    harbour.tick()
    before = harbour.rollout
    harbour.edit(rollout={**QUICK, "steps": [{"weight": 5}, {"weight": 99}]})
    harbour.tick()
    assert harbour.rollout == before
    assert harbour.weight == 100


def test_an_edit_of_the_steps_is_heard_at_the_next_step() -> None:
    harbour = rolling("Canary")
    harbour.edit(rollout={**QUICK, "steps": [{"weight": 5}, {"weight": 20}, {"weight": 80}]})
    harbour.run_while(lambda: harbour.weight == 100)
    assert harbour.weight == 200


def test_an_edit_that_leaves_no_greater_weight_makes_the_running_step_the_last() -> None:
    harbour = rolling("Canary")
    harbour.edit(rollout={**QUICK, "steps": [{"weight": 1}]})
    harbour.run_while(lambda: harbour.status.phase == "Canary")
    assert harbour.status.phase == "Promoting"
    assert [s.result for s in harbour.rollout.steps] == ["Safe"]


def test_the_next_step_is_the_next_greater_weight() -> None:
    md = make_deployment(rollout={"steps": [{"weight": 5}, {"weight": 10}, {"weight": 20}]})
    harbour = rolling("Canary")
    assert next_index(md, None) == 0
    assert next_index(md, harbour.rollout.step) == 2


def test_a_rollout_with_a_step_without_traffic_is_not_called_promoted_on_evidence() -> None:
    harbour = rolling("Canary")
    harbour.traffic.rps = 0.0
    harbour.run_while(lambda: harbour.weight < 500)
    harbour.traffic.rps = 20.0
    harbour.run_to("Stable")
    assert [s.result for s in harbour.rollout.steps] == ["NoTraffic", "Safe"]
    assert harbour.rollout.outcome == "PromotedOnLittleTraffic"
