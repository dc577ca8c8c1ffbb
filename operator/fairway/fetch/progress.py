"""Tells every few seconds how far a fetch is."""

from __future__ import annotations

import asyncio

import structlog

log = structlog.get_logger()

EVERY_SECONDS = 5.0


class Progress:
    """Counts bytes that arrived.

    Attributes:
        total: bytes in all, None while nobody knows.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total = total
        self.done = 0

    def add(self, count: int) -> None:
        """So many bytes more; fewer when a file is started anew."""
        self.done += count

    async def tell(self, every_seconds: float = EVERY_SECONDS) -> None:
        """Log one line now and then, until cancelled."""
        clock = asyncio.get_running_loop().time
        before, since = self.done, clock()
        while True:
            await asyncio.sleep(every_seconds)
            rate = max(0.0, (self.done - before) / (clock() - since))
            before, since = self.done, clock()
            log.info("fetching", **self.facts(rate))

    def facts(self, rate: float) -> dict[str, int | None]:
        """The numbers of one line.

        Args:
            rate: bytes per second.
        """
        left = None if self.total is None else max(0, self.total - self.done)
        return {
            "bytes": self.done,
            "total_bytes": self.total,
            "bytes_per_second": round(rate),
            "eta_seconds": round(left / rate) if left is not None and rate > 0 else None,
        }
