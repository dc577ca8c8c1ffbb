"""Starts, watches, restarts and stops local servers, and finds them again after a crash of Fairway itself.

Servers run in sessions of their own, so that neither Ctrl-C in the terminal nor the death of Fairway reaches
them. Each leaves a record on disk (process id with its start time, command line); the next Fairway adopts
what still fits and ends what does not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import structlog

from fairway.adapters.atomic import write_atomically
from fairway.core.model import Health, WorkloadHealth
from fairway.render.protocols import ProcessSpec

log = structlog.get_logger()

POLL_SECONDS = 0.05
PROBE_TIMEOUT_SECONDS = 2.0
PROBE_EVERY_SECONDS = 1.0
HUNG_SECONDS = 30.0
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
"""A process that lived this long starts again at the shortest back-off."""
_MAX_LOG_BYTES = 8 << 20


@dataclass
class _Server:
    spec: ProcessSpec
    owner: str
    folder: Path
    process: psutil.Process | None = None
    child: subprocess.Popen[bytes] | None = None
    health: WorkloadHealth = field(default_factory=lambda: WorkloadHealth(Health.STARTING))
    address: tuple[str, int] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    last_answer: float = 0.0
    next_probe: float = 0.0


class ProcessSupervisor:
    """Keeps a set of servers running."""

    def __init__(self, folder: Path, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._on_change = on_change
        self._servers: dict[str, _Server] = {}
        self._stopping: dict[str, asyncio.Task[None]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def start(self) -> None:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SECONDS))
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop watching; the servers are left as they are."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        await asyncio.gather(*self._stopping.values())
        if self._http is not None:
            await self._http.close()

    def ensure(self, spec: ProcessSpec, owner: str) -> None:
        """Have this server running; one with another command line is replaced."""
        known = self._servers.get(spec.name)
        if known is not None and known.spec == spec:
            return
        if known is not None:
            self.stop(spec.name)
        server = _Server(spec, owner, self.run_folder(spec.name))
        server.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._servers[spec.name] = server
        if spec.name in self._stopping or not self._adopt(server):
            self._spawn(server)
        self._on_change()

    def health(self, name: str) -> WorkloadHealth:
        server = self._servers.get(name)
        return server.health if server else WorkloadHealth()

    def address(self, name: str) -> tuple[str, int] | None:
        """Where a ready server listens."""
        server = self._servers.get(name)
        return server.address if server is not None and server.health.ready else None

    def pid(self, name: str) -> int | None:
        server = self._servers.get(name)
        return server.process.pid if server is not None and server.process is not None else None

    def of(self, owner: str) -> set[str]:
        """Names of the servers of one owner, those left by an earlier Fairway included."""
        recorded = {name for name, record in self._records().items() if record.get("owner") == owner}
        running = {name for name, server in self._servers.items() if server.owner == owner}
        return running | recorded - self._stopping.keys()

    def owners(self) -> set[str]:
        return {str(record.get("owner")) for record in self._records().values()}

    def stop(self, name: str) -> None:
        """End a server in the background: it may finish what it is doing."""
        server = self._servers.pop(name, None)
        process, drain = (server.process, server.spec.drain_seconds) if server else (None, 0.0)
        if server is None:
            process = _living(self._records().get(name, {}))
            drain = 5.0
        child = server.child if server else None
        self._stopping[name] = asyncio.create_task(
            self._end(name, process, child, drain, self._stopping.get(name))
        )

    async def stop_all(self) -> None:
        """End every server, those left by an earlier Fairway included, and wait for it."""
        for name in {*self._servers, *self._records()} - self._stopping.keys():
            self.stop(name)
        while self._stopping:
            await asyncio.gather(*self._stopping.values())

    def _spawn(self, server: _Server) -> None:
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
                    spec.argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
                )
            server.process = psutil.Process(server.child.pid)
            self._record(server)
        except (OSError, psutil.Error) as error:
            server.process = None
            self._failed(server, f"cannot be started: {error}", fatal=False)

    def _record(self, server: _Server) -> None:
        if server.process is None:
            return
        record = {
            "pid": server.process.pid,
            "created": server.process.create_time(),
            "command": _command_hash(server.spec),
            "owner": server.owner,
            "restarts": server.health.restarts,
        }
        write_atomically(server.folder / "process.json", json.dumps(record))

    def _adopt(self, server: _Server) -> bool:
        record = _read_json(server.folder / "process.json")
        process = _living(record)
        if process is None:
            return False
        if record.get("command") != _command_hash(server.spec):
            log.info("replacing a server of an earlier run", server=server.spec.name, pid=process.pid)
            _kill(process, signal.SIGKILL)
            return False
        log.info("adopted a server of an earlier run", server=server.spec.name, pid=process.pid)
        server.process, server.started = process, time.monotonic()
        server.last_answer = server.started
        server.health = WorkloadHealth(Health.STARTING, restarts=int(record.get("restarts", 0)))
        return True

    async def _watch(self) -> None:
        while True:
            for server in list(self._servers.values()):
                before = (server.health, server.address)
                try:
                    await self._look_after(server)
                except Exception:
                    log.exception("cannot look after a server", server=server.spec.name)
                if (server.health, server.address) != before:
                    self._on_change()
            await asyncio.sleep(POLL_SECONDS)

    async def _look_after(self, server: _Server) -> None:
        now = time.monotonic()
        if server.process is None:
            if now >= server.start_at:
                self._spawn(server)
            return
        if not _is_alive(server):
            self._died(server)
            return
        if now >= server.next_probe:
            await self._probe(server, now)

    async def _probe(self, server: _Server, now: float) -> None:
        if server.spec.address_file is None:
            server.last_answer, server.next_probe = now, now + PROBE_EVERY_SECONDS
            server.health = WorkloadHealth(Health.READY, restarts=server.health.restarts)
            return
        address = server.address or _address(Path(server.spec.address_file))
        answered = address is not None and await self._answers(address, server.spec.ready_path)
        if server.process is None or server.spec.name not in self._servers:
            return
        if answered:
            server.address, server.last_answer = address, now
            server.health = WorkloadHealth(Health.READY, restarts=server.health.restarts)
            server.next_probe = now + PROBE_EVERY_SECONDS
        elif server.health.ready or now - server.last_answer > HUNG_SECONDS:
            self._silent(server, now)

    def _silent(self, server: _Server, now: float) -> None:
        words = "does not answer its readiness check"
        server.health = WorkloadHealth(Health.STARTING, words, server.health.restarts)
        if (
            now - server.last_answer > HUNG_SECONDS
            and server.address is not None
            and server.process is not None
        ):
            log.warning("server hangs and is killed", server=server.spec.name)
            _kill(server.process, signal.SIGKILL)

    async def _answers(self, address: tuple[str, int], path: str) -> bool:
        if self._http is None:
            return False
        try:
            async with self._http.get(f"http://{address[0]}:{address[1]}{path}") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _died(self, server: _Server) -> None:
        code = server.child.returncode if server.child is not None else None
        left = _read_json(Path(server.spec.termination_file))
        words = str(left.get("message") or _exit_words(code))
        server.process = server.child = None
        self._failed(server, words, fatal=code in server.spec.fatal_exit_codes or bool(left.get("message")))

    def _failed(self, server: _Server, words: str, *, fatal: bool) -> None:
        now = time.monotonic()
        server.failures = 1 if now - server.started > STEADY_SECONDS else server.failures + 1
        wait = BACKOFF_SECONDS[min(server.failures, len(BACKOFF_SECONDS)) - 1]
        server.start_at = now + (BACKOFF_SECONDS[-1] if fatal else wait)
        server.address = None
        health = Health.FAILED if fatal else Health.STARTING
        server.health = WorkloadHealth(health, words, server.health.restarts + 1)
        log.warning("server ended", server=server.spec.name, reason=words, again_in_seconds=wait)

    async def _end(
        self,
        name: str,
        process: psutil.Process | None,
        child: subprocess.Popen[bytes] | None,
        drain: float,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await before
        try:
            if process is not None:
                await _terminate(name, process, child, drain)
        finally:
            del self._stopping[name]
            if name not in self._servers:
                shutil.rmtree(self.run_folder(name), ignore_errors=True)

    def _records(self) -> dict[str, dict[str, Any]]:
        return {p.parent.name: _read_json(p) for p in self._folder.glob("*/process.json")}

    def run_folder(self, name: str) -> Path:
        """Where a server keeps its log, its address and its last words."""
        return self._folder / name


async def _terminate(
    name: str, process: psutil.Process, child: subprocess.Popen[bytes] | None, drain: float
) -> None:
    """Ask, wait, insist."""
    for how, patience in ((signal.SIGTERM, drain + 5), (signal.SIGKILL, 5.0)):
        _kill(process, how)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not _still_runs(process, child):
                return
            await asyncio.sleep(POLL_SECONDS)
        log.warning("server does not end", server=name, signal=how.name)


def _command_hash(spec: ProcessSpec) -> str:
    return hashlib.sha256("\0".join(spec.argv).encode()).hexdigest()


def _living(record: dict[str, Any]) -> psutil.Process | None:
    """The recorded process, if it is still the same one."""
    with suppress(psutil.Error, KeyError, TypeError, ValueError):
        process = psutil.Process(int(record["pid"]))
        if (
            abs(process.create_time() - float(record["created"])) < 0.01
            and process.status() != psutil.STATUS_ZOMBIE
        ):
            return process
    return None


def _is_alive(server: _Server) -> bool:
    return server.process is not None and _still_runs(server.process, server.child)


def _still_runs(process: psutil.Process, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None:
        return child.poll() is None
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process, how: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(how)


def _address(path: Path) -> tuple[str, int] | None:
    content = _read_json(path)
    host, port = content.get("host"), content.get("port")
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None


def _read_json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def _exit_words(code: int | None) -> str:
    if code is None:
        return "the server is gone"
    if code < 0:
        return f"the server was killed by {signal.Signals(-code).name}"
    return f"the server ended with exit code {code}"
