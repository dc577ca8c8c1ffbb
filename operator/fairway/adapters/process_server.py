"""One local server: what is known of it, and what its answers and its silence say."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePath

import psutil

from fairway.adapters.process_records import read_json
from fairway.core.model import Health, WorkloadHealth
from fairway.render.protocols import ProcessSpec

PROBE_EVERY_SECONDS = 1.0
SILENT_SECONDS = 5.0
"""A ready server that says nothing at all for this long is not ready; one slow answer says little."""
HUNG_SECONDS = 30.0
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
"""A process that lived this long starts again at the shortest back-off."""


@dataclass(frozen=True, slots=True)
class Death:
    """A server ended that should run."""

    owner: str
    name: str
    words: str
    again_in_seconds: float


class Verdict(StrEnum):
    """What an answer to a probe, or none, leads to."""

    ALIVE = "Alive"
    HANGS = "Hangs"


@dataclass(eq=False)
class Server:
    """One server that should run, and how it does.

    Attributes:
        child: the process, when it is our own child and not adopted.
        address: where it listens, from its first good answer until it ends.
        successor: the same server with another command line, not ready yet.
    """

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
    asked: bool = False
    probe: asyncio.Task[None] | None = None
    successor: Server | None = None

    @property
    def unasked(self) -> bool:
        """Whether it is left from an earlier run and nobody knows yet how it is."""
        return self.process is not None and self.child is None and not self.asked

    def heard(self, address: tuple[str, int] | None, status: int | None, now: float) -> Verdict:
        """Take down what a probe brought.

        Args:
            address: that was asked, None when it is not known yet.
            status: of the answer, None when there was none.
            now: monotonic seconds.
        """
        silent = now - self.last_answer
        self.asked = True
        if status is not None:
            self.last_answer = now
        if status == 200:
            self.address, self.next_probe = address, now + PROBE_EVERY_SECONDS
            self.health = replace(self.health, health=Health.READY, message="")
        elif status is not None and self.health.ready:
            self._unready(f"says that it is not ready ({status})")
        elif status is None and silent > (SILENT_SECONDS if self.health.ready else HUNG_SECONDS):
            self._unready("does not answer its readiness check")
        was_ready_once = self.address is not None
        return Verdict.HANGS if status is None and was_ready_once and silent > HUNG_SECONDS else Verdict.ALIVE

    def failed(self, words: str, now: float, *, fatal: bool) -> float:
        """Take down that it ended or could not be started.

        Returns:
            Seconds until it is started again.
        """
        self.failures = 1 if now - self.started > STEADY_SECONDS else self.failures + 1
        wait = BACKOFF_SECONDS[-1 if fatal else min(self.failures, len(BACKOFF_SECONDS)) - 1]
        self.start_at = now + wait
        self.address = None
        health = Health.FAILED if fatal else Health.STARTING
        self.health = WorkloadHealth(health, words, self.health.restarts + 1)
        return wait

    def _unready(self, words: str) -> None:
        self.health = replace(self.health, health=Health.STARTING, message=words)


def read_address(path: PurePath | None) -> tuple[str, int] | None:
    """Where a server says that it listens; None while it says nothing."""
    content = read_json(Path(path)) if path is not None else {}
    host, port = content.get("host"), content.get("port")
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None
