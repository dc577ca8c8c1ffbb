"""The bytes of one file that are here so far: in a file, or counted and hashed only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fairway.adapters.content import CHUNK, never
from fairway.fetch.errors import Interrupted

HEAD_BYTES = 512


class Part:
    """Grows chunk by chunk; can be given up and started anew.

    Attributes:
        length: bytes so far.
        tag: of the content that they are from; None when they can only be started anew.
        head: the first bytes, by which an archive is told.
    """

    def __init__(self, path: Path | None = None, tag_path: Path | None = None) -> None:
        """Prepare; nothing is written yet.

        Args:
            path: where the bytes go; None when only their digest is wanted.
            tag_path: where the tag is kept for a process that goes on later.
        """
        self._path = path
        self._tag_path = tag_path
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self.length = 0
        self.tag: str | None = None
        self.head = b""

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def resume(self, stopped: Callable[[], bool] = never) -> None:
        """Take what an earlier process left, if it left word of what it is from.

        Raises:
            Interrupted: it was stopped.
        """
        if self._path is None or self._tag_path is None:
            return
        try:
            tag = self._tag_path.read_text(encoding="utf-8")
            file = self._path.open("r+b")
        except (OSError, UnicodeDecodeError):
            return
        self._file, self.tag = file, tag
        while chunk := file.read(CHUNK):
            if stopped():
                raise Interrupted("asked to end while reading what an earlier try left")
            self._take(chunk)

    def restart(self, tag: str | None) -> None:
        """Forget all bytes; those that come are from this content."""
        self._digest, self.length, self.tag, self.head = hashlib.sha256(), 0, tag, b""
        self.close()
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._tag_path is not None:
            self._tag_path.unlink(missing_ok=True)
        self._file = self._path.open("wb")
        if self._tag_path is not None and tag is not None:
            self._tag_path.parent.mkdir(parents=True, exist_ok=True)
            self._tag_path.write_text(tag, encoding="utf-8")

    def write(self, chunk: bytes) -> None:
        """Bytes that follow those that are here."""
        if self._file is not None:
            self._file.write(chunk)
        self._take(chunk)

    def close(self) -> None:
        """Everything is on the disk now."""
        if self._file is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None

    def _take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self.length += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + chunk)[:HEAD_BYTES]
