"""The agent's HTTP interface under stress and failure."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from aiohttp.test_utils import TestClient, TestServer

from fairway.adapters.errors import TelemetryError
from fairway.agent.report import Report
from fairway.agent.settings import Settings
from fairway.agent.web import AT_ONCE, make_app

SETTINGS = Settings(namespace="shop", pod="router-1", api_url="http://any", run_dir=Path("/nowhere"))


class Waiting:
    """A report that is not done before it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go = asyncio.Event()
        self.asked = 0
        self._error = error

    async def unready(self) -> str | None:
        return "not yet"

    async def state(self, *, counters: bool) -> dict[str, Any]:
        self.asked += 1
        await self.go.wait()
        if self._error is not None:
            raise self._error
        return {"counters": counters}


def client_of(report: Waiting) -> TestClient[Any, Any]:
    return TestClient(TestServer(make_app(SETTINGS, cast("Report", report))))


async def test_a_flood_is_sent_away_and_the_probe_is_answered() -> None:
    """Whoever asks too much must not get the agent restarted."""
    report = Waiting()
    async with client_of(report) as client:
        asking = [asyncio.create_task(client.get("/state")) for _ in range(AT_ONCE + 5)]
        early = 0
        for done in asyncio.as_completed(asking[:]):
            answer = await done
            early += answer.status == 503
            if early == 5:
                break
        assert report.asked == AT_ONCE
        assert (await client.get("/healthz")).status == 200
        report.go.set()
        statuses = sorted([(await one).status for one in asking])
        assert statuses == [200] * AT_ONCE + [503] * 5
        assert (await client.get("/state")).status == 200


async def test_what_went_wrong_inside_stays_inside() -> None:
    report = Waiting(RuntimeError("the password is 1234"))
    report.go.set()
    async with client_of(report) as client:
        answer = await client.get("/state")
        assert (answer.status, await answer.json()) == (500, {"error": "internal error"})
        assert answer.headers["Server"] == "fairway-agent"


async def test_counters_that_cannot_be_read_are_not_zero() -> None:
    report = Waiting(TelemetryError("no such socket"))
    report.go.set()
    async with client_of(report) as client:
        answer = await client.get("/state?counters=1")
        assert (answer.status, await answer.json()) == (503, {"error": "the counters cannot be read"})
        answer = await client.get("/metrics")
        assert (answer.status, await answer.json()) == (503, {"error": "the statistics cannot be read"})


async def test_it_only_reads() -> None:
    async with client_of(Waiting()) as client:
        assert (await client.post("/state")).status == 405
        assert (await client.get("/readyz")).status == 503
