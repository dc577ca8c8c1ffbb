from __future__ import annotations

import re
from collections import deque

import pytest

from fairway.api.status import Phase
from fairway.core.advance import EFFECTS
from fairway.core.detect import CHECKS
from fairway.core.phases import TRANSITIONS, WATCHED, WITH_CANDIDATE, Event, mermaid

EDGES = [(source, event, target) for source, row in TRANSITIONS.items() for event, target in row.items()]


def _reachable_from(start: Phase) -> set[Phase]:
    found, todo = {start}, deque([start])
    while todo:
        for target in TRANSITIONS[todo.popleft()].values():
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


def test_every_phase_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_every_phase_can_be_reached() -> None:
    assert _reachable_from(Phase.PENDING) == set(Phase)


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_can_be_left_and_leads_to_stable(phase: Phase) -> None:
    assert set(TRANSITIONS[phase].values()) - {phase}
    assert Phase.STABLE in _reachable_from(phase)


@pytest.mark.parametrize("event", Event)
def test_an_event_is_listened_to_somewhere_and_has_a_check(event: Event) -> None:
    assert event in {event for _, event, _ in EDGES}
    assert event in CHECKS


def test_only_known_events_have_checks_and_effects() -> None:
    assert set(CHECKS) == set(Event)
    assert set(EFFECTS) <= set(Event)


@pytest.mark.parametrize("phase", sorted(WITH_CANDIDATE - {Phase.ROLLING_BACK}))
def test_a_phase_with_a_candidate_can_be_aborted(phase: Phase) -> None:
    assert TRANSITIONS[phase][Event.ABORTED] is Phase.ROLLING_BACK


@pytest.mark.parametrize("phase", sorted(WITH_CANDIDATE - {Phase.ROLLING_BACK}))
def test_an_edit_of_the_spec_is_heard_in_every_phase_with_a_candidate(phase: Phase) -> None:
    assert TRANSITIONS[phase][Event.SUPERSEDED] is Phase.ROLLING_BACK
    assert TRANSITIONS[phase][Event.REVERTED] is Phase.ROLLING_BACK


@pytest.mark.parametrize("phase", sorted(WATCHED))
def test_a_regression_and_a_lost_candidate_go_back_wherever_the_candidate_may_answer_users(
    phase: Phase,
) -> None:
    assert TRANSITIONS[phase][Event.REGRESSION] is Phase.ROLLING_BACK
    assert TRANSITIONS[phase][Event.CANDIDATE_LOST] is Phase.ROLLING_BACK


def test_the_way_back_ends_before_anything_new_begins() -> None:
    """Out of RollingBack nothing leads but the events that say that the candidate is out of the route."""
    assert all(event.value.startswith("Cleared") for event in TRANSITIONS[Phase.ROLLING_BACK])


def test_safety_comes_before_progress_in_the_order_of_events() -> None:
    order = list(Event)
    back = [e for s, e, t in EDGES if t is Phase.ROLLING_BACK]
    forward = [Event.PROMOTE_FULL, Event.STEP_FORCED, Event.STEP_PASSED, Event.LAST_STEP_PASSED, Event.BAKED]
    assert max(map(order.index, back)) < order.index(Event.HELD) < min(map(order.index, forward))
    assert order[0] is Event.ABORTED


def test_the_diagram_contains_every_edge_and_no_other() -> None:
    drawn = set()
    for line in mermaid().splitlines():
        if found := re.fullmatch(r" +(\w+) --> (\w+): (.+)", line):
            source, target, events = found.groups()
            drawn |= {(source, event, target) for event in events.split(", ")}
    assert drawn == {(s.value, e.value, t.value) for s, e, t in EDGES}


def test_the_diagram_begins_where_a_new_resource_begins() -> None:
    assert "[*] --> Pending" in mermaid()
