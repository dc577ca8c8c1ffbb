"""How a server is asked to go, and made to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger()

POLL_SECONDS = 0.05
KILL_SECONDS = 5.0
_TAIL_BYTES = 4096
_LINE_CHARACTERS = 300


async def terminate(
    name: str,
    process: psutil.Process,
    child: subprocess.Popen[bytes] | None,
    patience_seconds: float,
    hurry: asyncio.Event,
) -> None:
    """Ask, wait, insist.

    Args:
        name: of the server, for the log.
        process: what is to end.
        child: the same, when it is a child of ours; it is reaped.
        patience_seconds: how long it may finish what it is doing.
        hurry: once set, nobody waits any more.
    """
    kill(process, signal.SIGTERM)
    if await _gone(process, child, patience_seconds, hurry):
        return
    log.warning("server does not end and is killed", server=name)
    kill(process, signal.SIGKILL)
    if not await _gone(process, child, KILL_SECONDS, None):
        log.error("server cannot be killed", server=name, pid=process.pid)


async def _gone(
    process: psutil.Process,
    child: subprocess.Popen[bytes] | None,
    patience_seconds: float,
    hurry: asyncio.Event | None,
) -> bool:
    deadline = time.monotonic() + patience_seconds
    while still_runs(process, child):
        if time.monotonic() >= deadline or (hurry is not None and hurry.is_set()):
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


def still_runs(process: psutil.Process, child: subprocess.Popen[bytes] | None) -> bool:
    """Whether it has not ended; a child of ours that has is reaped."""
    if child is not None:
        return child.poll() is None
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process, how: signal.Signals) -> None:
    """Send a signal; one that is gone already needs none."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(how)


def exit_words(code: int | None, log_file: Path) -> str:
    """What an exit says to a person; no code is known of a process that was not our child.

    Who ends by itself with an error usually says why in the last line.
    """
    if code is None:
        return "the server is gone"
    if code < 0:
        return f"the server was killed by {signal.Signals(-code).name}"
    last = _last_line(log_file) if code else ""
    return f"the server ended with exit code {code}" + (f": {last}" if last else "")


def _last_line(file: Path) -> str:
    with suppress(OSError), file.open("rb") as reader:
        reader.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        lines = reader.read().decode(errors="replace").splitlines()
        return next((line.strip()[-_LINE_CHARACTERS:] for line in reversed(lines) if line.strip()), "")
    return ""
