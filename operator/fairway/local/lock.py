"""One Fairway a state folder: a lock that the kernel drops when its holder dies; it names the holder."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from fairway.local.errors import AlreadyUp

PATIENCE_SECONDS = 0.3
"""Who only asks whether somebody holds the lock holds it for a moment, too."""


class UpLock:
    """Held for as long as a local Fairway runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take it or fail at once.

        Raises:
            AlreadyUp: another process holds it.
        """
        file = self._path.open("a+", encoding="utf-8")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _taken(file):
            if time.monotonic() > deadline:
                file.close()
                holder = pid_of(self._path) or "unknown"
                raise AlreadyUp(
                    f"another fairway (process {holder}) runs on {self._path.parent}; "
                    "end it with `fairway local down`, or choose another --state-dir"
                )
            time.sleep(0.01)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def is_up(path: Path) -> bool:
    """Whether somebody holds the lock right now."""
    try:
        with path.open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def pid_of(path: Path) -> int | None:
    """Process id of the holder; None while it has not written it down."""
    text = path.read_text(encoding="utf-8")
    return int(text) if text.isdecimal() else None
