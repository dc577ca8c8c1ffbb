from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairway.controller.queue import MAX_BACKOFF_SECONDS, KeyedQueue


def make_queue() -> KeyedQueue[str]:
    return KeyedQueue(jitter=lambda: 1.0)


def test_many_events_are_one_look() -> None:
    queue = make_queue()
    for _ in range(1000):
        queue.add("a")
    assert queue.take(0) == "a"
    queue.done("a", 0, 30)
    assert queue.take(0) is None


def test_an_object_is_never_taken_twice_at_once() -> None:
    queue = make_queue()
    queue.add("a")
    assert queue.take(0) == "a"
    queue.add("a")
    assert queue.take(100) is None


def test_what_happens_during_a_look_is_looked_at_right_after_it() -> None:
    queue = make_queue()
    queue.add("a")
    queue.take(0)
    queue.add("a")
    queue.done("a", 1, 30)
    assert queue.take(1) == "a"


def test_the_one_that_waited_longest_comes_first() -> None:
    queue = make_queue()
    for key in "bac":
        queue.add(key)
    queue.add("b")
    assert [queue.take(0) for _ in range(3)] == ["b", "a", "c"]


def test_a_timer_brings_an_object_back_at_its_time_and_not_before() -> None:
    queue = make_queue()
    queue.add("a")
    queue.take(0)
    queue.done("a", 10, 30)
    assert queue.next_due(10) == 30
    assert queue.take(39.9) is None
    assert queue.take(40) == "a"


def test_an_event_comes_before_the_timer_and_replaces_it() -> None:
    queue = make_queue()
    queue.add("a")
    queue.take(0)
    queue.done("a", 0, 30)
    queue.add("a")
    assert queue.take(1) == "a"
    queue.done("a", 1, 100)
    assert queue.take(31) is None
    assert queue.take(101) == "a"


def test_failures_wait_ever_longer_up_to_a_limit_and_a_success_ends_that() -> None:
    queue = make_queue()
    queue.add("a")
    now, waits = 0.0, []
    for _ in range(14):
        assert queue.take(now) == "a"
        wait = queue.failed("a", now)
        waits.append(wait)
        now += wait
    assert waits[:3] == [0.05, 0.1, 0.2]
    assert waits[-1] == MAX_BACKOFF_SECONDS
    queue.take(now)
    queue.done("a", now, 1)
    queue.take(now + 1)
    assert queue.failed("a", now + 1) == 0.05


def test_what_is_gone_does_not_come_back_by_itself() -> None:
    queue = make_queue()
    queue.add("a")
    queue.take(0)
    queue.done("a", 0, None)
    assert queue.next_due(100) is None


def test_what_is_made_anew_while_it_goes_is_looked_at() -> None:
    queue = make_queue()
    queue.add("a")
    queue.take(0)
    queue.add("a")
    queue.done("a", 0, None)
    assert queue.take(0) == "a"


ACTIONS = st.sampled_from(["add", "take", "done", "failed", "wait"])


@given(st.lists(st.tuples(ACTIONS, st.sampled_from("abc"))))
def test_whatever_happens_nobody_is_lost_and_nobody_is_taken_twice(steps: list[tuple[str, str]]) -> None:
    """Every object that was touched after its last look began is looked at again."""
    queue, now, running, owed = make_queue(), 0.0, set[str](), set[str]()
    for action, key in steps:
        if action == "add":
            queue.add(key)
            owed.add(key)
        elif action == "take":
            taken = queue.take(now)
            if taken is not None:
                assert taken not in running
                running.add(taken)
                owed.discard(taken)
        elif action == "wait":
            now += 1
        elif key in running:
            running.discard(key)
            queue.done(key, now, 1000) if action == "done" else queue.failed(key, now)
    for key in sorted(running):
        queue.done(key, now, 1000)
    left = set()
    while (taken := queue.take(now)) is not None:
        left.add(taken)
    assert owed <= left
