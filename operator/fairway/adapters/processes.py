"""Starts, watches, restarts and stops local servers, and finds them again after a crash of Fairway itself.

Servers run in sessions of their own, so that neither Ctrl-C in the terminal nor the death of Fairway reaches
them. Each leaves a record on disk; the next Fairway adopts what is recorded and ends what is not.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import structlog

from fairway.adapters.process_end import POLL_SECONDS, exit_words, kill, still_runs, terminate
from fairway.adapters.process_records import (
    MARK,
    living,
    read_json,
    read_records,
    spec_of,
    strays,
    write_record,
)
from fairway.adapters.process_server import Death, Server, Verdict, read_address
from fairway.core.model import Health, WorkloadHealth
from fairway.render.protocols import ProcessSpec

log = structlog.get_logger()

PROBE_TIMEOUT_SECONDS = 2.0
LINGER_SECONDS = 1.0
"""A server that is replaced is asked to go this long after its successor is ready: by then routers know."""
KEPT_LOGS = 20
_MAX_LOG_BYTES = 8 << 20


class ProcessSupervisor:
    """Keeps a set of servers running.

    Args:
        folder: where servers keep their files while they run.
        logs: where the log of a server goes when it is gone.
        on_change: called whenever `health` or `address` would answer differently.
        on_death: told of every server that ended by itself.
    """

    def __init__(
        self,
        folder: Path,
        logs: Path,
        on_change: Callable[[], None],
        on_death: Callable[[Death], None] = lambda _death: None,
    ) -> None:
        self._folder = folder.resolve()
        self._logs = logs
        self._on_change = on_change
        self._on_death = on_death
        self._servers: dict[str, Server] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._hurry = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin to watch what an earlier run left; what nobody remembers is ended first.

        Raises:
            OSError: the folders cannot be made.
        """
        for folder in (self._folder, self._logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for process in strays(self._folder):
            log.warning("ending a server that no record tells of", pid=process.pid)
            await terminate("stray", process, None, 0.0, self._hurry)
        for name, record in read_records(self._folder).items():
            self._adopt(name, record)
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SECONDS))
        self._watcher = asyncio.create_task(self._watch())

    async def settle(self, seconds: float) -> None:
        """Wait until every server of an earlier run was asked once how it is, or the time is up."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(s.unasked for s in self._servers.values()):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """Stop watching; the servers are left as they are."""
        probes = [s.probe for s in self._everyone() if s.probe is not None]
        tasks = [task for task in (self._watcher, *probes) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._stopping.values())
        if self._http is not None:
            await self._http.close()

    def ensure(self, spec: ProcessSpec, owner: str) -> None:
        """Have this server running. One with another command line is replaced once its successor is ready."""
        known = self._servers.get(spec.name)
        if known is None:
            known = Server(spec, owner, self.run_folder(spec.name))
            known.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._servers[spec.name] = known
            known.health = WorkloadHealth(Health.STARTING, restarts=self._deaths_before(spec.name))
            self._spawn(known)
            self._on_change()
        elif known.spec.argv == spec.argv:
            known.spec = spec  # a newer Fairway may know more about the very same process
        elif known.successor is None or known.successor.spec.argv != spec.argv:
            self._replace(known, spec)

    def health(self, name: str) -> WorkloadHealth:
        server = self._servers.get(name)
        return server.health if server else WorkloadHealth()

    def address(self, name: str) -> tuple[str, int] | None:
        """Where a server listens that was ready at least once since it started.

        One that stopped answering keeps its address while it lives: it is the only one there is, and
        requests without any server would fail for certain.
        """
        server = self._servers.get(name)
        return server.address if server is not None else None

    def pid(self, name: str) -> int | None:
        server = self._servers.get(name)
        return server.process.pid if server is not None and server.process is not None else None

    def of(self, owner: str) -> set[str]:
        """Names of the servers of one owner, those left by an earlier Fairway included."""
        records = read_records(self._folder).items()
        recorded = {name for name, record in records if record.get("owner") == owner}
        return self.running(owner) | recorded - self._stopping.keys()

    def owners(self) -> set[str]:
        return {str(record.get("owner")) for record in read_records(self._folder).values()}

    def running(self, owner: str) -> set[str]:
        """Names of the servers of one owner that are watched right now."""
        return {name for name, server in self._servers.items() if server.owner == owner}

    def stop(self, name: str) -> None:
        """End a server in the background: it may finish what it is doing."""
        server = self._servers.pop(name, None)
        if server is None:
            self._end(name, living(read_records(self._folder).get(name, {})), None, 5.0)
            return
        self._drop_successor(server)
        self._end(name, server.process, server.child, server.spec.drain_seconds)

    async def stop_all(self) -> None:
        """End every server, those left by an earlier Fairway included, and wait for it."""
        for name in {*self._servers, *(read_records(self._folder).keys() - self._stopping.keys())}:
            self.stop(name)
        while self._stopping:
            await asyncio.gather(*self._stopping.values())

    async def stopped(self, name: str) -> None:
        """Wait until a server that was asked to stop is gone."""
        while (task := self._stopping.get(name)) is not None:
            await task

    def hurry(self) -> None:
        """From now on whoever is asked to go goes at once."""
        self._hurry.set()

    def run_folder(self, name: str) -> Path:
        """Where a server keeps its log, its address and its last words."""
        return self._folder / name

    def _everyone(self) -> list[Server]:
        servers = list(self._servers.values())
        return servers + [s.successor for s in servers if s.successor is not None]

    def _spawn(self, server: Server) -> None:
        spec = server.spec
        for path in (spec.address_file, spec.termination_file):
            if path is not None:
                Path(path).unlink(missing_ok=True)
        output = server.folder / "log"
        with suppress(FileNotFoundError):
            if output.stat().st_size > _MAX_LOG_BYTES:
                output.replace(server.folder / "log.1")
        server.address, server.started = None, time.monotonic()
        server.last_answer = server.started
        try:
            with output.open("ab") as sink:
                server.child = subprocess.Popen(
                    spec.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    start_new_session=True,
                    env={**os.environ, MARK: str(server.folder)},
                )
            server.process = psutil.Process(server.child.pid)
            if self._servers.get(spec.name) is server:
                self._record(server)
        except (OSError, psutil.Error) as error:
            self._give_up_start(server, error)

    def _give_up_start(self, server: Server, error: Exception) -> None:
        """A server that cannot be recorded would be forgotten by the next Fairway: it must not run."""
        if server.child is not None:
            server.child.kill()
            server.child.wait()
        server.process = server.child = None
        self._failed(server, f"cannot be started: {error}", fatal=False)

    def _record(self, server: Server) -> None:
        if server.process is not None:
            pid, restarts = server.process.pid, server.health.restarts
            write_record(server.folder, pid, server.spec, server.owner, restarts)

    def _adopt(self, name: str, record: dict[str, Any]) -> None:
        process, spec = living(record), spec_of(name, record)
        if process is None or spec is None:
            return
        log.info("adopted a server of an earlier run", server=name, pid=process.pid)
        now, restarts = time.monotonic(), int(record.get("restarts", 0))
        server = Server(spec, str(record.get("owner")), self.run_folder(name), process)
        server.started = server.last_answer = now
        server.health = WorkloadHealth(Health.STARTING, restarts=restarts)
        self._servers[name] = server

    def _deaths_before(self, name: str) -> int:
        """How often it was started again, when an earlier run left its record: it has died since."""
        record = read_json(self.run_folder(name) / "process.json")
        return int(record.get("restarts", 0)) + 1 if record and name not in self._stopping else 0

    def _replace(self, server: Server, spec: ProcessSpec) -> None:
        """Start another one beside it. A server that is asked nothing (a router) stays until it ends."""
        self._drop_successor(server)
        if server.process is None or spec.address_file is None:
            server.spec = spec
            return
        log.info("replacing a server whose command line changed", server=spec.name)
        successor = Server(spec, server.owner, server.folder)
        successor.health = WorkloadHealth(Health.STARTING, restarts=server.health.restarts)
        server.successor = successor
        self._spawn(successor)

    def _drop_successor(self, server: Server) -> None:
        successor, server.successor = server.successor, None
        if successor is not None:
            self._end(successor.spec.name, successor.process, successor.child, 0.0)

    def _succeed(self, old: Server, new: Server) -> None:
        name = new.spec.name
        old.successor = None
        self._servers[name] = new
        self._record(new)
        self._end(name, old.process, old.child, old.spec.drain_seconds, linger=LINGER_SECONDS)
        self._on_change()

    async def _watch(self) -> None:
        while True:
            for server in self._everyone():
                before = (server.health, server.address)
                try:
                    self._look_after(server)
                except Exception:
                    log.exception("cannot look after a server", server=server.spec.name)
                if (server.health, server.address) != before:
                    self._on_change()
            await asyncio.sleep(POLL_SECONDS)

    def _look_after(self, server: Server) -> None:
        now = time.monotonic()
        if server.process is None:
            if now >= server.start_at:
                self._spawn(server)
        elif not still_runs(server.process, server.child):
            self._died(server)
        elif server.successor is not None and server.successor.health.ready:
            self._succeed(server, server.successor)
        elif now >= server.next_probe and (server.probe is None or server.probe.done()):
            server.probe = asyncio.create_task(self._probe(server, server.process))

    async def _probe(self, server: Server, process: psutil.Process) -> None:
        """Ask one server how it is, whatever the others do meanwhile."""
        spec = server.spec
        address = server.address or read_address(spec.address_file)
        before = (server.health, server.address)
        if spec.address_file is None:
            status: int | None = 200
        else:
            status = await self._ask(address, spec.ready_path) if address is not None else None
        if server.process is not process:
            return
        if server.heard(address, status, time.monotonic()) is Verdict.HANGS:
            log.warning("server hangs and is killed", server=spec.name)
            kill(process, signal.SIGKILL)
        if (server.health, server.address) != before:
            self._on_change()

    async def _ask(self, address: tuple[str, int], path: str) -> int | None:
        if self._http is None:
            return None
        try:
            async with self._http.get(f"http://{address[0]}:{address[1]}{path}") as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def _died(self, server: Server) -> None:
        code = server.child.returncode if server.child is not None else None
        left = read_json(Path(server.spec.termination_file))
        server.process = server.child = None
        words = str(left.get("message") or exit_words(code, server.folder / "log"))
        self._failed(server, words, fatal=code in server.spec.fatal_exit_codes)
        if (successor := server.successor) is not None:
            successor.health = replace(successor.health, restarts=server.health.restarts)
            self._servers[server.spec.name] = successor
            self._record(successor)

    def _failed(self, server: Server, words: str, *, fatal: bool) -> None:
        wait = server.failed(words, time.monotonic(), fatal=fatal)
        log.warning("server ended", server=server.spec.name, reason=words, again_in_seconds=wait)
        self._on_death(Death(server.owner, server.spec.name, words, wait))

    def _end(
        self,
        name: str,
        process: psutil.Process | None,
        child: subprocess.Popen[bytes] | None,
        drain: float,
        linger: float = 0.0,
    ) -> None:
        before = self._stopping.get(name)

        async def end() -> None:
            if process is not None:
                await asyncio.sleep(linger)
                await terminate(name, process, child, drain + 5, self._hurry)
            if before is not None:
                await before
            if self._stopping.get(name) is task:
                del self._stopping[name]
                if name not in self._servers:
                    self._forget(name)

        task = self._stopping[name] = asyncio.create_task(end())

    def _forget(self, name: str) -> None:
        """Remove a server's files; its log is kept for whoever wants to know why it went."""
        folder = self.run_folder(name)
        with suppress(OSError):
            (folder / "log").replace(self._logs / f"{name}.log")
            kept = sorted(self._logs.glob("*.log"), key=lambda file: file.stat().st_mtime)
            for file in kept[:-KEPT_LOGS]:
                file.unlink()
        shutil.rmtree(folder, ignore_errors=True)
