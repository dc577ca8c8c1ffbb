"""The lease on two made-up clocks: whatever happens, there is one writer at most."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from fairway.controller.lease import DURATION_SECONDS, RENEW_DEADLINE_SECONDS, LeaseRecord, LeaseView

WRITE_SECONDS = 4.0


@dataclass
class Server:
    record: LeaseRecord | None = None


@dataclass
class Replica:
    view: LeaseView

    def round(self, server: Server, now: float, stamp: str) -> None:
        """Read, and take or renew; writes are atomic here, as the API server's are by the version."""
        if server.record is not None:
            self.view = self.view.look(server.record, now)
        if self.view.may_take(now):
            server.record = self.view.next_record(stamp)
            self.view = self.view.renewed(server.record, now)


def replica(name: str) -> Replica:
    return Replica(LeaseView(name))


def test_the_first_one_takes_it_and_the_second_one_waits() -> None:
    server, one, two = Server(), replica("one"), replica("two")
    one.round(server, 0, "a")
    two.round(server, 0, "b")
    assert (one.view.surely_ours(0), two.view.surely_ours(0)) == (True, False)


def test_a_holder_that_is_not_heard_of_loses_it_after_the_duration_and_not_before() -> None:
    server, one, two = Server(), replica("one"), replica("two")
    one.round(server, 0, "a")
    two.round(server, 1, "b")
    two.round(server, DURATION_SECONDS + 0.5, "c")
    assert not two.view.surely_ours(DURATION_SECONDS + 0.5)
    two.round(server, DURATION_SECONDS + 1.5, "d")
    assert two.view.surely_ours(DURATION_SECONDS + 1.5)
    assert server.record is not None
    assert server.record.transitions == 2


def test_a_holder_that_was_stopped_for_a_while_knows_by_itself_that_it_lost() -> None:
    server, one = Server(), replica("one")
    one.round(server, 0, "a")
    assert not one.view.surely_ours(RENEW_DEADLINE_SECONDS)


def test_a_write_that_began_in_time_ends_before_anybody_else_may_write() -> None:
    assert RENEW_DEADLINE_SECONDS + WRITE_SECONDS < DURATION_SECONDS


def test_one_that_signs_the_same_takes_it_back_at_once() -> None:
    """A container that is restarted in its pod need not wait for itself."""
    server, one, again = Server(), replica("one"), replica("one")
    one.round(server, 0, "a")
    again.round(server, 0.1, "b")
    assert again.view.surely_ours(0.1)
    assert server.record is not None
    assert server.record.transitions == 1


def test_a_lease_that_was_given_back_is_free_at_once() -> None:
    server, two = Server(LeaseRecord("", "a", 3)), replica("two")
    two.round(server, 0, "b")
    assert two.view.surely_ours(0)


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.floats(0.1, 20)), max_size=60))
def test_there_is_never_a_second_writer(steps: list[tuple[int, float]]) -> None:
    """Either of them is silent for as long as it likes, whenever it likes."""
    server, replicas, now = Server(), (replica("one"), replica("two")), 0.0
    for turn, (who, wait) in enumerate(steps):
        now += wait
        replicas[who].round(server, now, str(turn))
        assert not all(one.view.surely_ours(now) for one in replicas)
