"""Whether this process still sees and may act: what its probes say. The judgement is pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from fairway.controller.metrics import Metrics

MAX_WATCH_DEBT_SECONDS = 180.0
MAX_LAG_SECONDS = 5.0
BEAT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the probes look at. Times are seconds.

    Attributes:
        up: since the process began.
        resync_age: since everything was listed; None before the first time.
        resync_period: the longest time that should be between two lists.
        watch_debt: for how long a watch has kept something to itself.
        lag: by how much the loop was late last.
        lease_overdue: held, and not renewed in time.
        troubles: what the API server refuses right now, and what to do about it.
    """

    up: float
    resync_age: float | None
    resync_period: float
    watch_debt: float
    lag: float
    lease_overdue: bool
    troubles: tuple[str, ...] = ()


def ills(v: Vitals) -> list[str]:
    """Why this process should be ended and started anew; empty while it is well."""
    found = []
    age = v.up if v.resync_age is None else v.resync_age
    if age > 3 * v.resync_period:
        found.append(f"nothing could be listed for {age:.0f} s")
    if v.watch_debt > MAX_WATCH_DEBT_SECONDS:
        found.append(f"a watch has been silent for {v.watch_debt:.0f} s")
    if v.lag > MAX_LAG_SECONDS:
        found.append(f"the loop was late by {v.lag:.1f} s")
    if v.lease_overdue:
        found.append("the lease is held and was not renewed in time")
    return found


def lacks(v: Vitals) -> list[str]:
    """Why this process cannot do its work yet, or not now; empty when it can. A start anew would not help."""
    found = [word for word in v.troubles if word]
    return found if found or v.resync_age is not None else ["nothing is listed yet"]


class Pulse:
    """Measures how late the loop is."""

    def __init__(self) -> None:
        self.lag = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.lag = max(0.0, clock() - due)


def make_site(vitals: Callable[[], Vitals], metrics: Metrics) -> web.Application:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def healthz(_request: web.Request) -> web.Response:
        found = ills(vitals())
        return web.Response(status=500 if found else 200, text="\n".join(found) or "ok")

    async def readyz(_request: web.Request) -> web.Response:
        found = lacks(vitals())
        return web.Response(status=503 if found else 200, text="\n".join(found) or "ok")

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    site = web.Application()
    site.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    return site
