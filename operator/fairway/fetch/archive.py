"""Unpacks an archive that nobody trusts: regular files in folders, each inside the target, within limits.

Links, devices, names that lead out or collide, sparse files and bombs are refused with a sentence. The
permissions, owners and times are not taken over. The archive's digest is checked before it is opened.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fairway.adapters.content import CHUNK, MAX_FILES, Unreadable, check_name, never
from fairway.fetch.errors import ArchiveRefused, Interrupted


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may become.

    Attributes:
        files: files and folders.
        total_bytes: of all files.
        ratio: bytes of files per byte of archive; weights hardly shrink, bombs do by 1000.
        small_bytes: up to which the ratio does not count.
    """

    files: int = MAX_FILES
    total_bytes: int = 1 << 40
    ratio: int = 100
    small_bytes: int = 16 << 20

    def allowed(self, archive_bytes: int) -> int:
        """Bytes that an archive of this size may unpack to."""
        return min(self.total_bytes, max(self.small_bytes, self.ratio * archive_bytes))


class Unpacking:
    """The files that came out of one archive so far.

    Attributes:
        target: where they go.
        files: how many.
    """

    def __init__(
        self, archive: Path, target: Path, limits: Limits, stopped: Callable[[], bool] = never
    ) -> None:
        self.target = target
        self._limits = limits
        self._stopped = stopped
        self._archive_bytes = archive.stat().st_size
        self._left = limits.allowed(self._archive_bytes)
        self._names: set[str] = set()
        self._entries = 0
        self.files = 0

    def folder(self, name: str) -> None:
        """A folder of the archive; nothing is made of an empty one.

        Raises:
            ArchiveRefused: see the module.
        """
        self._count(name.rstrip("/"))

    def file(self, name: str, content: IO[bytes]) -> None:
        """A file of the archive.

        Raises:
            ArchiveRefused: see the module.
            Interrupted: it was stopped.
        """
        self._count(name)
        if name in self._names:
            raise ArchiveRefused(f"the archive has two files named {name!r}")
        self._names.add(name)
        path = self.target / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                self._copy(content, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise ArchiveRefused(f"in the archive {name!r} is both a file and a folder") from error
        self.files += 1

    def finish(self) -> int:
        """How many files came out.

        Raises:
            ArchiveRefused: none.
        """
        if not self.files:
            raise ArchiveRefused("the archive holds no file")
        return self.files

    def _copy(self, content: IO[bytes], file: IO[bytes]) -> None:
        while chunk := content.read(CHUNK):
            if self._stopped():
                raise Interrupted("asked to end while the archive was unpacked")
            self._left -= len(chunk)
            if self._left < 0:
                allowed = self._limits.allowed(self._archive_bytes)
                raise ArchiveRefused(
                    f"the archive of {self._archive_bytes} bytes unpacks to more than {allowed}: give the "
                    "uri of a folder, or of an archive that is packed less"
                )
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())

    def _count(self, name: str) -> None:
        try:
            check_name(name)
        except Unreadable as error:
            raise ArchiveRefused(f"in the archive {error}") from error
        self._entries += 1
        if self._entries > self._limits.files:
            raise ArchiveRefused(f"the archive holds more than {self._limits.files} files and folders")


Unpack = Callable[[Path, Unpacking], None]


def unpack(
    archive: Path, target: Path, kind: Unpack, limits: Limits, stopped: Callable[[], bool] = never
) -> int:
    """Unpack into a new folder.

    Returns:
        How many files came out.

    Raises:
        ArchiveRefused: it is broken or hostile; nothing is left behind.
        Interrupted: it was stopped; nothing is left behind.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    unpacking = Unpacking(archive, target, limits, stopped)
    try:
        kind(archive, unpacking)
        return unpacking.finish()
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
