from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.api.status import Phase
from fairway.core.requests import Verb
from harbour import Harbour, live, rolling

WITH_A_WAY_BACK = ["Provisioning", "Warming", "Canary", "Paused", "Promoting", "Baking"]


def _answer(harbour: Harbour) -> tuple[bool, str]:
    last = harbour.status.requests[-1]
    return last.accepted, last.message


@pytest.mark.parametrize("phase", WITH_A_WAY_BACK)
def test_abort_sends_the_candidate_back_from_every_phase(phase: str) -> None:
    harbour = rolling(phase)
    candidate = harbour.candidate
    harbour.ask("abort")
    assert harbour.status.phase == "RollingBack"
    assert harbour.weight_of("b") == 0
    harbour.run_to("RolledBack")
    assert harbour.rollout.outcome == "Aborted"
    assert harbour.status.rejected == (candidate,)
    harbour.run(timedelta(hours=1))
    assert harbour.status.phase == "RolledBack"


def test_abort_wins_over_a_full_promotion_that_is_under_way() -> None:
    harbour = rolling("Canary")
    harbour.ask("promote", full=True)
    assert harbour.weight == 1000
    harbour.ask("abort")
    harbour.run_to("RolledBack")
    assert harbour.weight_of("a") == 1000


def test_abort_wins_over_a_step_that_passes_in_the_same_moment() -> None:
    harbour = rolling("Canary")
    harbour.run_while(lambda: harbour.decide().status.rollout.step.index == 0)  # type: ignore[union-attr]
    harbour.ask("abort")
    assert harbour.status.phase == "RollingBack"


def test_a_first_revision_cannot_be_aborted() -> None:
    harbour = Harbour()
    harbour.tick()
    harbour.ask("abort")
    assert _answer(harbour) == (False, "there is no stable revision to go back to")
    harbour.run_to("Stable")


def test_promote_goes_to_the_next_step_without_waiting_for_evidence() -> None:
    harbour = rolling("Canary")
    harbour.ask("promote")
    assert (harbour.status.phase, harbour.weight) == ("Canary", 500)
    assert [(s.weight, s.result) for s in harbour.rollout.steps] == [(10, "Forced")]


def test_promote_at_the_last_step_gives_the_candidate_everything() -> None:
    harbour = rolling("Canary")
    harbour.ask("promote")
    harbour.ask("promote")
    assert (harbour.status.phase, harbour.weight) == ("Promoting", 1000)


@pytest.mark.parametrize("phase", ["Canary", "Paused"])
def test_promote_full_skips_the_steps_but_not_the_bake(phase: str) -> None:
    harbour = rolling(phase)
    harbour.ask("promote", full=True)
    harbour.run_to("Baking")
    harbour.run_to("Stable")
    assert (harbour.rollout.outcome, harbour.letter(harbour.stable)) == ("PromotedByUser", "b")


def test_promote_lets_a_paused_rollout_go_on_at_the_next_step() -> None:
    harbour = rolling("Paused")
    harbour.ask("promote")
    assert (harbour.status.phase, harbour.weight, harbour.rollout.pauses) == ("Canary", 500, ())


@pytest.mark.parametrize("phase", ["Provisioning", "Warming", "Promoting", "Baking"])
def test_promote_is_refused_where_the_candidate_is_not_being_watched_at_a_step(phase: str) -> None:
    harbour = rolling(phase)
    harbour.ask("promote")
    accepted, words = _answer(harbour)
    assert not accepted
    assert phase in words


def test_a_request_is_handled_once() -> None:
    harbour = rolling("Canary")
    harbour.ask("promote")
    harbour.tick()
    harbour.tick()
    assert len(harbour.status.requests) == 1
    assert harbour.rollout.step is not None
    assert harbour.rollout.step.index == 1


def test_a_refused_request_is_not_kept_for_later() -> None:
    harbour = live()
    harbour.ask("pause")
    assert _answer(harbour) == (False, "no rollout is running (phase Stable)")
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    harbour.tick()
    assert harbour.status.phase == "Canary"
    assert not harbour.rollout.pauses


def test_what_became_of_a_request_is_told_once() -> None:
    harbour = rolling("Canary")
    harbour.ask("pause")
    harbour.ask("promote", revision="fraud-0123456789")
    harbour.tick()
    told = [n for n in harbour.notices if n.reason.startswith("Request")]
    assert [n.reason for n in told] == ["RequestAccepted", "RequestRefused"]
    assert told[0].message == "pause by tester"


def test_only_the_last_requests_are_remembered() -> None:
    harbour = live()
    for _ in range(25):
        harbour.ask("abort")
    assert [r.id for r in harbour.status.requests] == [str(n) for n in range(16, 26)]


@pytest.mark.parametrize("verb", ["promote", "abort", "pause", "resume"])
def test_a_request_for_another_revision_is_refused(verb: str) -> None:
    """A command typed for the rollout of yesterday must not hit the one of today."""
    harbour = rolling("Paused")
    harbour.ask(verb, revision="fraud-0123456789")
    accepted, words = _answer(harbour)
    assert not accepted
    assert "fraud-0123456789" in words
    assert harbour.status.phase == "Paused"


def test_a_request_that_names_the_running_candidate_is_done() -> None:
    harbour = rolling("Canary")
    harbour.ask("abort", revision=harbour.candidate)
    assert harbour.status.phase == "RollingBack"


def test_retry_tries_a_revision_again_that_was_sent_back() -> None:
    harbour = rolling("RolledBack")
    harbour.ask("retry")
    assert harbour.status.rejected == ()
    assert harbour.rollout.evidence == ()
    harbour.run_to("Stable")
    assert harbour.letter(harbour.stable) == "b"


def test_retry_of_another_revision_than_the_wanted_one_is_refused() -> None:
    harbour = rolling("RolledBack")
    harbour.ask("retry", revision="fraud-0123456789")
    accepted, words = _answer(harbour)
    assert not accepted
    assert "fraud-0123456789" in words
    assert harbour.status.phase == "RolledBack"


def test_retry_without_anything_to_retry_is_refused() -> None:
    harbour = live()
    harbour.ask("retry")
    assert _answer(harbour) == (False, "nothing to retry: the wanted revision was not sent back")


@pytest.mark.parametrize("verb", ["resume", "pause", "promote", "abort"])
def test_a_candidate_on_its_way_back_takes_no_requests(verb: str) -> None:
    harbour = rolling("RollingBack")
    harbour.ask(verb)
    assert _answer(harbour) == (False, "the candidate is already on its way back")


def test_resume_is_refused_where_nothing_is_paused() -> None:
    harbour = rolling("Canary")
    harbour.ask("resume")
    assert _answer(harbour) == (False, "the rollout is not paused")


BAD = {
    "no JSON": "promote, please",
    "no object": "[1, 2]",
    "empty object": "{}",
    "no such verb": json.dumps({"id": "7", "verb": "explode"}),
    "a verb that is a list": json.dumps({"id": "7", "verb": ["abort"]}),
    "a verb that is an object": json.dumps({"id": "7", "verb": {"abort": True}}),
    "a verb that is nothing": json.dumps({"id": "7", "verb": None}),
    "brackets without end": "[" * 60_000,
    "an object nested without end": '{"a":' * 20_000,
    "a number with too many digits": '{"id": ' + "1" * 5_000 + "}",
    "half a character": '{"id": "\\ud800", "verb": "\\udfff", "by": "\\ud800"}',
    "a long id": json.dumps({"id": "x" * 60_000, "verb": "explode"}),
    "not a number": '{"id": NaN, "verb": Infinity}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_request_nobody_can_read_is_refused_with_words_and_does_no_harm(text: str) -> None:
    """Whoever may annotate the resource must not be able to stop its operator."""
    harbour = rolling("Canary")
    harbour.annotate(text)
    harbour.tick()
    accepted, words = _answer(harbour)
    assert not accepted
    assert words.startswith("not a request Fairway knows")
    assert harbour.status.phase == "Canary"
    harbour.tick()
    assert len(harbour.status.requests) == 1


def test_half_a_character_in_an_accepted_request_can_be_stored() -> None:
    harbour = rolling("Canary")
    harbour.annotate('{"id": "\\ud800", "verb": "pause", "by": "\\udfff"}')
    harbour.tick()
    assert harbour.status.requests[-1].accepted
    harbour.tick()
    assert len(harbour.status.requests) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.fixed_dictionaries(
    {}, optional={"id": _JSON, "verb": _JSON | st.sampled_from(list(Verb)), "by": _JSON, "revision": _JSON}
)


@given(fields=_FIELDS)
@settings(max_examples=100, deadline=None)
def test_any_request_is_handled_once_and_can_be_stored(fields: dict[str, Any]) -> None:
    harbour = live()
    harbour.annotate(json.dumps(fields))
    harbour.tick()
    harbour.tick()
    assert len(harbour.status.requests) == 1
    assert harbour.status.phase is Phase.STABLE


def test_promote_is_not_lost_to_a_hold_of_the_same_moment() -> None:
    harbour = rolling("Canary", rollout={"steps": [{"weight": 10}, {"weight": 50}]})
    harbour.telemetry = False
    harbour.run_while(lambda: harbour.decide().status.phase == "Canary")
    harbour.ask("promote")
    assert harbour.weight == 500
