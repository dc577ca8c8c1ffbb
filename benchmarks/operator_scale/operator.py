"""The operator as a process that is measured from outside, and by its own metrics."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from e2e.cluster.ports import Port

PREFIX = "fairway_operator_"
WRITES = frozenset({"apply", "create", "update_status", "delete"})
"""As the operator counts its calls; renewing the lease is an `update` and not among them."""
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([^ ]+)$", re.MULTILINE)
MIB = 1024 * 1024


@dataclass
class Operator:
    """One process.

    Attributes:
        peak: most memory that it was seen to have, in MiB.
    """

    process: psutil.Process
    url: str
    session: aiohttp.ClientSession
    end: asyncio.Task[int]
    log: Path
    peak: float = 0.0

    async def during(self, work: Awaitable[None]) -> None:
        """Wait for something that needs the operator.

        Raises:
            RuntimeError: the operator ended before that.
        """
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, self.end}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise RuntimeError(f"the operator ended: {self.log.read_text()[-2000:]}")
        task.result()

    async def observe(self) -> None:
        """Look at its memory until it ends."""
        while not self.end.done():
            self.peak = max(self.peak, self.memory())
            await asyncio.sleep(0.2)

    def memory(self) -> float:
        """Resident, in MiB."""
        return float(self.process.memory_info().rss / MIB)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    async def writes(self) -> int:
        """Writes to the API server so far, Events included."""
        calls = await self._read("api_calls_total")
        return int(sum(value for labels, value in calls if _label(labels, "verb") in WRITES))

    async def looks(self) -> int:
        """Looks at a model that went well so far."""
        found = await self._read("tick_seconds_count")
        return int(sum(value for labels, value in found if _label(labels, "result") == "ok"))

    async def waiting(self) -> int:
        """Models that wait to be looked at."""
        return int(sum(value for _, value in await self._read("queue_depth")))

    async def until_listening(self, seconds: float) -> None:
        """Wait until it is ready for work."""
        async with asyncio.timeout(seconds):
            while await self._readiness() != 200:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)

    async def until_looked_at(self, count: int, seconds: float) -> None:
        """Wait until so many looks are over and nobody waits for one."""
        async with asyncio.timeout(seconds):
            while await self.looks() < count or await self.waiting():  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)

    async def _readiness(self) -> int:
        try:
            async with self.session.get(f"{self.url}/readyz") as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return 0

    async def _read(self, name: str) -> list[tuple[str, float]]:
        try:
            async with self.session.get(f"{self.url}/metrics") as answer:
                text = await answer.text()
        except aiohttp.ClientConnectionError:  # it has just begun
            return []
        return [(m[2] or "", float(m[3])) for m in _SAMPLE.finditer(text) if m[1] == PREFIX + name]


@asynccontextmanager
async def running(kubeconfig: Path, log: Path) -> AsyncIterator[Operator]:
    """`python -m fairway.controller`, killed at the end."""
    port = Port()
    number = port.number
    port.close()
    environment = {
        "FAIRWAY_KUBECONFIG": str(kubeconfig),
        "FAIRWAY_SERVER_IMAGE": "registry.example/fairway-onnx@sha256:1",
        "FAIRWAY_ROUTER_IMAGE": "registry.example/fairway-router@sha256:2",
        "FAIRWAY_FETCH_IMAGE": "registry.example/fairway-fetch@sha256:3",
        "FAIRWAY_FETCH_COMMAND": '["fetch", "{uri}", "{sha256}", "{target}"]',
        "FAIRWAY_ROUTER_REPLICAS": "1",
        "FAIRWAY_LEASE_NAMESPACE": "default",
        "FAIRWAY_IDENTITY": "operator",
        "FAIRWAY_HTTP_HOST": "127.0.0.1",
        "FAIRWAY_HTTP_PORT": str(number),
        "FAIRWAY_LOG_LEVEL": "WARNING",
    }
    with log.open("ab") as out:
        command = [
            *os.environ.get("FAIRWAY_PROFILER", "").split(),
            sys.executable,
            "-m",
            "fairway.controller",
        ]
        process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | environment, stdout=out, stderr=out
        )
    async with aiohttp.ClientSession() as session:
        end = asyncio.create_task(process.wait())
        found = Operator(psutil.Process(process.pid), f"http://127.0.0.1:{number}", session, end, log)
        task = asyncio.create_task(found.observe())
        try:
            yield found
        finally:
            task.cancel()
            if not end.done():
                process.kill()
            await end


def _label(labels: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', labels)
    return found[1] if found else ""
