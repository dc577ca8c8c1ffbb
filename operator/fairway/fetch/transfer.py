"""Reads one file from a store to its end: goes on where a connection broke, and gives up after a while."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import structlog

from fairway.fetch.errors import Unreachable, Unsettled, Unsteady
from fairway.fetch.part import Part
from fairway.fetch.progress import Progress
from fairway.fetch.protocols import Entry, Opened, Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long.

    Attributes:
        tries: in a row that bring nothing new.
        breaks: of one file in all, so that a store which sends a byte at a time is not asked forever.
        restarts: of one file from its first byte, because it changed or the store cannot go on in the middle.
        first_seconds, longest_seconds: of the waits between tries; each is up to twice as long as the last.
    """

    tries: int = 6
    breaks: int = 200
    restarts: int = 4
    first_seconds: float = 0.5
    longest_seconds: float = 20.0

    def wait(self, tries: int) -> float:
        """Seconds before the next try."""
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** (tries - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  no secret


class Transfer:
    """One file on its way from a store into a part."""

    def __init__(
        self, store: Store, entry: Entry, part: Part, progress: Progress, patience: Patience
    ) -> None:
        self._store = store
        self._entry = entry
        self._part = part
        self._progress = progress
        self._patience = patience
        self._tries = self._breaks = self._restarts = 0

    async def run(self) -> None:
        """Fill the part with the whole file.

        Raises:
            FetchError: it cannot be read; Unsteady once patience is at its end.
        """
        try:
            while True:
                before = self._part.length
                try:
                    await self._read_on()
                except Unsteady as error:
                    await self._wait(error, self._part.length > before)
                else:
                    return
        finally:
            self._part.close()

    async def _read_on(self) -> None:
        part = self._part
        start = part.length if part.tag is not None else 0
        async with self._store.open(self._entry, start, part.tag) as opened:
            if opened.start != part.length or part.length == 0:
                self._start_anew(opened)
            async for chunk in opened.chunks:
                part.write(chunk)
                self._progress.add(len(chunk))
            if opened.size is not None and part.length != opened.size:
                raise Unreachable(f"the connection ended after {part.length} of {opened.size} bytes")

    def _start_anew(self, opened: Opened) -> None:
        if self._part.length > 0:
            self._restarts += 1
            if self._restarts >= self._patience.restarts:
                raise Unsettled(
                    "the content changes while it is read, or the store cannot go on in the middle of a "
                    "file: put each version under a URI of its own"
                )
        if self._progress.total is None:
            self._progress.total = opened.size
        self._progress.add(-self._part.length)
        self._part.restart(opened.tag)

    async def _wait(self, error: Unsteady, came_further: bool) -> None:
        self._breaks += 1
        self._tries = 1 if came_further else self._tries + 1
        if self._tries >= self._patience.tries or self._breaks >= self._patience.breaks:
            raise type(error)(f"{error}; tried {self._breaks} times") from error
        seconds = self._patience.wait(self._tries)
        log.warning(
            "the store is asked again", trouble=str(error), bytes=self._part.length, wait_seconds=seconds
        )
        await asyncio.sleep(seconds)
