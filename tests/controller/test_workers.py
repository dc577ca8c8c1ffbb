from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from fairway.controller.workers import Workers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def run_with(workers: Workers[str], body: Awaitable[None]) -> None:
    task = asyncio.create_task(workers.run())
    try:
        await body
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_object_that_hangs_or_fails_holds_up_nobody_else() -> None:
    seen: list[str] = []
    errors: list[str] = []

    async def work(key: str) -> timedelta | None:
        seen.append(key)
        if key == "hangs":
            await asyncio.Event().wait()
        if key == "fails":
            raise ValueError(key)
        return None

    workers = Workers(work, lambda key, _error, _wait: errors.append(key), count=2)
    for key in ("hangs", "fails", "a", "b"):
        workers.add(key)
    await run_with(workers, until(lambda: {"a", "b"} <= set(seen) and len(errors) >= 3))
    assert set(errors) == {"fails"}


async def test_an_object_is_looked_at_again_when_it_asked_for_it() -> None:
    looks = 0

    async def work(_key: str) -> timedelta | None:
        nonlocal looks
        looks += 1
        return timedelta(milliseconds=5)

    workers = Workers(work, lambda *_: None, count=1)
    workers.add("a")
    await run_with(workers, until(lambda: looks >= 3))
    assert looks >= 3


@pytest.mark.parametrize("steps", range(6))
async def test_workers_end_when_they_are_told_to_while_something_happens(steps: int) -> None:
    """Whichever step of the loop the two meet in."""

    async def work(_key: str) -> timedelta | None:
        return timedelta(minutes=1)

    workers = Workers(work, lambda *_: None, count=4)
    workers.add("a")
    task = asyncio.create_task(workers.run())
    for _ in range(10):
        await asyncio.sleep(0)
    workers._wake.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    _, pending = await asyncio.wait([task], timeout=5)
    task.cancel()
    assert not pending
