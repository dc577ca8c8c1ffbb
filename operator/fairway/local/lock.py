"""One Fairway a state folder: a lock that the kernel drops when its holder dies; it names the holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from fairway.local.errors import AlreadyUp


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
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise AlreadyUp(
                f"another fairway runs on {self._path.parent}: `fairway local down`, or another --state-dir"
            ) from error
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
    except OSError:
        return True
    return False


def pid_of(path: Path) -> int:
    """Process id of the holder."""
    return int(path.read_text(encoding="utf-8"))
