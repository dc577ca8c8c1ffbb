"""What users saw: the counts of `e2e.pods.users`, wherever it ran."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_WITHIN = 120.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Seen:
    """Counts so far.

    Attributes:
        requests: that ended, well or not.
        failed: those that a user would call failed, refused connections among them.
        revisions: requests and failures by the answer's `x-fairway-revision`; "" for answers without one.
        unanswered: lost, timed out, unreadable, refused.
    """

    requests: int
    failed: int
    revisions: dict[str, dict[str, int]]
    unanswered: dict[str, int]

    def complaints(self, *bad: str | None) -> int:
        """Failures that none of these revisions is to blame for."""
        return self.failed - sum(self.failures_of(name) for name in bad)

    def requests_of(self, revision: str | None) -> int:
        return self.revisions.get(revision or "-", {}).get("requests", 0)

    def failures_of(self, revision: str | None) -> int:
        return self.revisions.get(revision or "-", {}).get("failed", 0)


class Users:
    """Users that are at work.

    Attributes:
        last: what they had seen when they stopped.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        """Begin to listen; `read` returns all that they printed so far."""
        self._read = read
        self.last: Seen | None = None

    def seen(self) -> Seen:
        """What they have seen so far."""
        return parse(self._read().splitlines()) or Seen(0, 0, {}, {})

    def until(self, condition: Callable[[Seen], Any], *, why: str, within: float = _WITHIN) -> Seen:
        """Wait until what they have seen fulfils a condition."""
        end = time.monotonic() + within
        while not condition(seen := self.seen()):
            assert time.monotonic() < end, f"waited {within:.0f} s until {why}; users saw {seen}"
            time.sleep(_POLL_SECONDS)
        return seen

    def stopped(self) -> None:
        """They have printed their last line."""
        self.last = self.seen()

    @property
    def all(self) -> Seen:
        assert self.last is not None, "the users are still at work"
        return self.last


def parse(lines: Iterable[str]) -> Seen | None:
    """The newest line that is whole."""
    for line in reversed(list(lines)):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        return Seen(found["requests"], found["failed"], found["revisions"], found["unanswered"])
    return None
