"""Drives the real `fairway`: one `local up` in the background, commands beside it, and what is on disk."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from fairway.adapters.files import FileStore
from fairway.adapters.process_records import MARK
from fairway.api.status import Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.follow import End, end_of, revision_to_follow
from fairway.cli.target import LocalTarget
from fairway.driver.ports import Ref
from fairway.local.paths import LocalPaths
from fairway.local.ports import is_free

WITHIN = 20.0
POLL_SECONDS = 0.02
FRAUD = Ref("default", "fraud")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Laptop:
    """One state folder with its own range of ports, and the `fairway local up` on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "s"
        self.port = next(p for p in _candidates() if all(map(is_free, range(p, p + 4))))
        self.store = FileStore(self.state / "deployments")
        self.process: asyncio.subprocess.Process | None = None
        self.environment: dict[str, str] = {}
        self._output = folder / "up.out"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave nothing running, whatever the test left."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), WITHIN)
        for process in self.running():
            process.kill()
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        LocalPaths(self.state).remove_sockets()

    async def up(self, *files: Path) -> None:
        """Start it and wait until it serves on this folder."""
        await self.start(*files)
        lock = self.state / "up.lock"
        pid = str(self.process.pid) if self.process else ""

        def is_up() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, f"`fairway local up` ended: {self.said()}"
            return lock.exists() and lock.read_text() == pid

        await eventually(is_up, why="fairway comes up")

    async def start(self, *files: Path) -> None:
        arguments = [part for file in files for part in ("-f", str(file))]
        with self._output.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *command("local", "up", "--port", str(self.port), *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.whole_environment(),
            )

    async def ended(self) -> int:
        """The exit code of `up`, once it has ended by itself."""
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), WITHIN)

    async def down(self) -> int:
        """Ctrl-C, once; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return await self.ended()

    async def kill(self) -> None:
        """The death of Fairway itself, at no moment of its choice."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def run(self, *arguments: str, stdin: bytes | None = None) -> Said:
        """One command to its end."""
        process = await asyncio.create_subprocess_exec(
            *command(*arguments),
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.whole_environment(),
        )
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
        return Said(process.returncode or 0, out.decode(), err.decode())

    def said(self) -> str:
        """All that `up` printed."""
        return self._output.read_text()

    def put(self, md: ModelDeployment) -> None:
        """What `fairway apply` does, without the half second that a process takes."""
        self.store.put(md)

    async def ask(self, verb: str, ref: Ref = FRAUD) -> bool:
        """What `fairway promote` and its like do; whether it was accepted."""
        target = LocalTarget(self.state)
        done = await asyncio.to_thread(target.request, ref, verb, None)
        assert done is not None, f"nobody answered {verb}"
        return done.accepted

    def md(self, ref: Ref = FRAUD) -> ModelDeployment | None:
        return self.store.get(ref)

    def status(self, ref: Ref = FRAUD) -> Status:
        md = self.store.get(ref)
        return md.status if md else Status()

    async def until(
        self, condition: Callable[[Status], Any], *, why: str, ref: Ref = FRAUD, within: float = WITHIN
    ) -> Status:
        """The first status that fulfils the condition."""
        try:
            await eventually(lambda: condition(self.status(ref)), why=why, within=within)
        except AssertionError as error:
            status = self.status(ref)
            raise AssertionError(f"{error}: {status.phase}: {status.message}\n{self.said()}") from None
        return self.status(ref)

    async def revision(self, ref: Ref = FRAUD) -> str:
        """The revision of the newest spec, once Fairway has looked at it."""
        found: list[str] = []

        def known() -> bool:
            md = self.md(ref)
            name = revision_to_follow(md) if md else None
            found.extend([name] if name else [])
            return bool(name)

        await eventually(known, why="the newest spec is looked at")
        return found[-1]

    async def end(self, revision: str | None = None, ref: Ref = FRAUD, within: float = WITHIN) -> End:
        """How it ended for a revision, by default the newest spec's: what `fairway status -w` waits for."""
        followed = revision
        found: list[End] = []

        def ended() -> bool:
            nonlocal followed
            md = self.md(ref)
            if md is None:
                return False
            followed = followed or revision_to_follow(md)
            end = end_of(md, followed)
            found.extend([end] if end else [])
            return bool(end)

        try:
            await eventually(ended, why=f"{followed or ref} comes to an end", within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None
        return found[-1]

    async def live(self, ref: Ref = FRAUD) -> str:
        """The revision that serves, once the newest spec is live and the router answers for it."""
        await self.until(
            lambda s: s.stable and s.stable == s.wanted and _is_true(s, "Ready"), why="it is live", ref=ref
        )
        return self.status(ref).stable or ""

    def records(self) -> dict[str, int]:
        """Process ids by the name of the server, as they are remembered on disk."""
        return {
            file.parent.name: json.loads(file.read_text())["pid"]
            for file in (self.state / "run").glob("*/process.json")
        }

    def running(self) -> list[psutil.Process]:
        """Every process that was started for this folder, whoever remembers it."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def leftovers(self) -> list[str]:
        """What a Fairway that has ended must not leave."""
        found = [" ".join(process.cmdline()) for process in self.running()]
        sockets = LocalPaths(self.state).sockets
        return [
            *found,
            *map(str, (self.state / "run").glob("*")),
            *([str(sockets)] if sockets.exists() else []),
        ]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK, "").startswith(f"{self.state.resolve()}/") and (
                process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return False

    def whole_environment(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("FAIRWAY_")}
        return {**plain, "FAIRWAY_STATE_DIR": str(self.state), **self.environment}


async def eventually(condition: Callable[[], Any], *, why: str, within: float = WITHIN) -> None:
    """Wait until a condition holds."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {within} s: {why}") from None


def _is_true(status: Status, kind: str) -> bool:
    condition = status.condition(kind)
    return condition is not None and condition.status.value == "True"


def command(*arguments: str) -> list[str]:
    """The argument vector of `fairway`."""
    return [sys.executable, "-m", "fairway.cli.main", *arguments]


def _candidates() -> Iterator[int]:
    """Below the ports that the kernel gives out by itself."""
    throw = random.Random()
    while True:
        yield throw.randrange(20_000, 32_000, 4)
