"""Shows what happens as it happens: phase, weights, counts and evidence, a line whenever something moved."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from examples.demo.tally import Tally

EVERY_SECONDS = 0.25
REPEAT_SECONDS = 2.0


class Progress:
    """Lines with the seconds since the beginning."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._task: asyncio.Task[None] | None = None

    def say(self, words: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began:5.1f} s  {words}\n")
        sys.stdout.flush()

    def watch(self, status: Callable[[], dict[str, Any]], tally: Callable[[], Tally]) -> None:
        """Begin to tell of the rollout."""
        self._task = asyncio.create_task(self._watch(status, tally))

    async def unwatch(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self, status: Callable[[], dict[str, Any]], tally: Callable[[], Tally]) -> None:
        shown: tuple[Any, ...] = ()
        at = 0.0
        while True:
            now = status()
            rollout = now.get("rollout", {})
            moved = (now["phase"], rollout.get("revision"), rollout.get("weight", {}).get("declared"))
            if moved != shown or (now.get("candidate") and time.monotonic() - at > REPEAT_SECONDS):
                shown, at = moved, time.monotonic()
                self.say(_line(now, rollout, tally()))
            await asyncio.sleep(EVERY_SECONDS)


def _line(status: dict[str, Any], rollout: dict[str, Any], tally: Tally) -> str:
    weight = rollout.get("weight", {}).get("declared", 0) / 10
    line = f"  {status['phase']:<12} candidate {weight:>3g} %  {tally.requests:>7} requests"
    for known in rollout.get("evidence", ()):
        line += (
            f"  failed: candidate {known['candidateFailures']}/{known['candidateRequests']}"
            f" stable {known['stableFailures']}/{known['stableRequests']}"
            f"  harm 10^{known['regressionLog10']:.1f} safe 10^{known['safeLog10']:.1f}"
        )
    return line
