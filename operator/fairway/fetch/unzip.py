"""Reads a zip archive."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

from fairway.fetch.archive import Unpacking
from fairway.fetch.errors import ArchiveRefused

_IS_ENCRYPTED = 0x1


def unzip(archive: Path, unpacking: Unpacking) -> None:
    """Hand over every file.

    Raises:
        ArchiveRefused: it is broken or hostile.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                _take(file, member, unpacking)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, ValueError) as error:
        raise ArchiveRefused(f"the archive is broken: {error}") from error


def _take(file: zipfile.ZipFile, member: zipfile.ZipInfo, unpacking: Unpacking) -> None:
    # Not `filename`: zipfile cuts it at a NUL, and turns backslashes into slashes where those are separators.
    name = member.orig_filename
    if member.is_dir():
        unpacking.folder(name)
        return
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        words = "a symbolic link" if kind == stat.S_IFLNK else "no regular file"
        raise ArchiveRefused(f"in the archive {name!r} is {words}: pack regular files only")
    if member.flag_bits & _IS_ENCRYPTED:
        raise ArchiveRefused(f"in the archive {name!r} is encrypted: pack it without a password")
    with file.open(member) as content:
        unpacking.file(name, content)
