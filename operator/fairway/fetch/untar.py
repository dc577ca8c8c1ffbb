"""Reads a tar archive from its first byte to its last, once, in little memory."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, Any

from fairway.adapters.content import CHUNK
from fairway.fetch.archive import Unpacking
from fairway.fetch.errors import ArchiveRefused

_WORDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def untar(archive: Path, unpacking: Unpacking) -> None:
    """Hand over every file of a plain archive.

    Raises:
        ArchiveRefused: it is broken or hostile.
    """
    with archive.open("rb") as file:
        _read(file, unpacking)


def untar_gzip(archive: Path, unpacking: Unpacking) -> None:
    """The same for one that gzip has packed."""
    with gzip.open(archive, "rb") as file:
        _read(file, unpacking)


def _read(file: Any, unpacking: Unpacking) -> None:
    forward: Any = _Forward(file)
    try:
        with tarfile.TarFile(fileobj=forward, mode="r") as tar:
            for member in tar:
                _take(tar, member, unpacking)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, ValueError) as error:
        raise ArchiveRefused(f"the archive is broken: {error}") from error


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, unpacking: Unpacking) -> None:
    name = member.name.removeprefix("./")
    if member.isdir():
        if name not in {"", "."}:
            unpacking.folder(name)
        return
    if not member.isreg() or member.issparse():
        words = _WORDS.get(member.type, "no regular file")
        raise ArchiveRefused(f"in the archive {name!r} is {words}: pack regular files only")
    try:
        tarfile.data_filter(member, str(unpacking.target))  # a second opinion on where it would go
    except tarfile.FilterError as error:
        raise ArchiveRefused(f"in the archive {name!r} is not a path inside the model's folder") from error
    content = tar.extractfile(member)
    if content is not None:
        unpacking.file(name, content)


class _Forward:
    """Reads on and never back, but for the one byte that tarfile looks at before each header.

    To go back in gzip means to unpack all from the start again. A header that claims gigabytes, of which
    tarfile would read all at once, gets no memory.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._position = 0
        self._last = b""
        self._is_back = False

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise ArchiveRefused("the archive has a header that is too large")
        again = self._last if self._is_back and size else b""
        data = self._file.read(size - len(again))
        self._is_back = self._is_back and not again
        self._position += len(data)
        self._last = (self._last + data)[-1:]
        return again + data

    def seek(self, offset: int) -> None:
        self._is_back = offset == self._position - 1
        if not self._is_back and offset < self._position:
            raise ArchiveRefused("the archive is broken: its parts overlap")
        while (missing := offset - self._position) > 0 and self.read(min(missing, CHUNK)):
            pass

    def tell(self) -> int:
        return self._position - self._is_back
