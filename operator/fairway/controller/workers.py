"""Several workers over one `KeyedQueue`: the asyncio around it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from datetime import timedelta
from typing import Generic, TypeVar

from fairway.controller.queue import KeyedQueue

K = TypeVar("K", bound=Hashable)
Work = Callable[[K], Awaitable[timedelta | None]]
"""Looks at one object. Returns when to look again; None when the object is gone."""


class Workers(Generic[K]):
    """Runs `work` for whatever is due, one at a time per object, `count` at a time in all."""

    def __init__(self, work: Work[K], on_error: Callable[[K, Exception, float], None], count: int) -> None:
        """Prepare.

        Args:
            work: see `Work`.
            on_error: told of every failure, with the seconds until the next try.
            count: how many objects at a time.
        """
        self._work = work
        self._on_error = on_error
        self._count = count
        self._wake = asyncio.Event()
        self.queue: KeyedQueue[K] = KeyedQueue(jitter=lambda: random.uniform(0.5, 1.5))  # noqa: S311

    def add(self, key: K) -> None:
        """Something happened to this object."""
        self.queue.add(key)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; what is being worked on then is cancelled too."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._worker())

    async def _worker(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            key = self.queue.take(clock())
            if key is None:
                await self._sleep(self.queue.next_due(clock()))
                continue
            await self._look(key)

    async def _look(self, key: K) -> None:
        clock = asyncio.get_running_loop().time
        try:
            again = await self._work(key)
        except Exception as error:  # noqa: BLE001  whatever one object does, the others are served
            self._on_error(key, error, self.queue.failed(key, clock()))
        else:
            self.queue.done(key, clock(), None if again is None else again.total_seconds())
        self._wake.set()

    async def _sleep(self, seconds: float | None) -> None:
        self._wake.clear()
        # Not `wait_for`: in Python 3.11 it loses a cancellation that comes together with the event.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
