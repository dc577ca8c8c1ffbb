"""Drives the `fairway` command line as a user would, from a program."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from examples.demo.errors import DemoError
from examples.demo.progress import Progress

START_SECONDS = 30.0
POLL_SECONDS = 0.1
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Applied:
    """What `fairway apply --wait` said: its exit code and the revision it followed."""

    code: int
    revision: str


class FairwayUp:
    """A `fairway local up` in the background, on a folder of its own."""

    def __init__(self, state: Path, progress: Progress) -> None:
        self._state = state
        self._progress = progress
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *_fairway("local", "up", "--state-dir", str(self._state)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_SECONDS):
            while not (self._state / "up.lock").exists() or not (self._state / "up.lock").read_text():
                if self._process.returncode is not None:
                    raise DemoError(f"`fairway local up` ended with {self._process.returncode}")
                await asyncio.sleep(POLL_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            await self._process.wait()

    async def apply(self, manifest: Path) -> Applied:
        """`fairway apply --wait`: until the verdict."""
        command = _fairway(
            "apply", "-f", str(manifest), "--wait", "-o", "json", "--state-dir", str(self._state)
        )
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        try:
            said = json.loads(output)
        except ValueError as error:
            raise DemoError(f"`fairway apply` said: {errors.decode()}") from error
        self._progress.say(f"  exit {process.returncode}: {said['message']}")
        return Applied(code=process.returncode or 0, revision=said["revision"] or "")

    def status(self, model: str) -> dict[str, Any]:
        """The newest status, from the file that Fairway keeps it in."""
        file = self._state / "deployments" / "default" / model / "status.json"
        status: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["status"]
        return status


def _fairway(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fairway.cli.main", *arguments]
