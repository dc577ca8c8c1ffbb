"""Which object is looked at next: the rules, without a clock and without a loop.

An object is worked on by one worker at a time. What happens to it meanwhile makes it dirty, and a dirty
object is taken again as soon as its worker is done, however often it was touched: many events, one more look.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FIRST_BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 30.0

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class KeyedQueue(Generic[K]):
    """The order of work. Times are seconds of one clock that never goes back.

    Attributes:
        jitter: a number in [0.5, 1.5], asked for at each failure, so that objects that failed together do not
            come back together.
    """

    jitter: Callable[[], float]
    _ready: dict[K, None] = field(default_factory=dict)
    _running: set[K] = field(default_factory=set)
    _dirty: set[K] = field(default_factory=set)
    _due: dict[K, float] = field(default_factory=dict)
    _timers: list[tuple[float, int, K]] = field(default_factory=list)
    _failures: dict[K, int] = field(default_factory=dict)
    _count: int = 0

    def add(self, key: K) -> None:
        """Something happened to it: look as soon as possible."""
        if key in self._running:
            self._dirty.add(key)
        else:
            self._due.pop(key, None)
            self._ready[key] = None

    def take(self, now: float) -> K | None:
        """The object that has waited longest, None when nobody waits. `done` or `failed` must follow."""
        self._wake(now)
        key = next(iter(self._ready), None)
        if key is not None:
            del self._ready[key]
            self._running.add(key)
        return key

    def done(self, key: K, now: float, look_again: float | None) -> None:
        """The look went well.

        Args:
            key: what was looked at.
            now: the time.
            look_again: seconds until the next look, if nothing happens before; None for what is gone.
        """
        self._failures.pop(key, None)
        self._leave(key, None if look_again is None else now + look_again)

    def failed(self, key: K, now: float) -> float:
        """The look went wrong; it is tried again after a wait that grows.

        Returns:
            The wait in seconds, if nothing happens before.
        """
        count = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(count - 1, 30)) * self.jitter()
        self._leave(key, now + wait)
        return wait

    def next_due(self, now: float) -> float | None:
        """Seconds until `take` finds something; None when nothing is planned."""
        self._wake(now)
        if self._ready:
            return 0.0
        return self._timers[0][0] - now if self._timers else None

    @property
    def depth(self) -> int:
        """How many objects could be worked on right now."""
        return len(self._ready)

    def failures(self, key: K) -> int:
        """How often in a row it went wrong."""
        return self._failures.get(key, 0)

    def _leave(self, key: K, due: float | None) -> None:
        self._running.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self._ready[key] = None
            return
        if due is None:
            return
        self._due[key] = due
        self._count += 1
        heapq.heappush(self._timers, (due, self._count, key))

    def _wake(self, now: float) -> None:
        """Move what is due to those that wait; a replaced timer has another time than the one kept."""
        while self._timers and (
            self._timers[0][0] <= now or self._due.get(self._timers[0][2]) != self._timers[0][0]
        ):
            due, _, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:
                del self._due[key]
                self._ready[key] = None
