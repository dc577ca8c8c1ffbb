"""Which names are archives: one line a kind."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass

from fairway.fetch.archive import Unpack
from fairway.fetch.errors import ArchiveRefused
from fairway.fetch.untar import untar, untar_gzip
from fairway.fetch.unzip import unzip
from fairway.fetch.uris import shown


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of archive.

    Attributes:
        suffixes: of a URI's path.
        begins: whether a file that starts with these 512 bytes can be one.
        unpack: hands every file over.
    """

    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    unpack: Unpack


def kind_of(uri: str) -> Kind | None:
    """The kind of archive that a URI names; None for a file or a folder."""
    path = shown(uri).lower()
    return next((kind for kind in KINDS if path.endswith(kind.suffixes)), None)


def check_head(kind: Kind, head: bytes, uri: str) -> None:
    """Refuse what does not begin as its name says, before a server is made for it.

    Raises:
        ArchiveRefused: it is something else, often a web page that says why.
    """
    if not kind.begins(head):
        raise ArchiveRefused(f"{shown(uri)} is named like an archive and is none: look at what lies there")


def _begins_like_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


KINDS = (
    Kind((".tar.gz", ".tgz"), lambda head: head.startswith(b"\x1f\x8b"), untar_gzip),
    Kind((".tar",), _begins_like_tar, untar),
    Kind((".zip",), lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06")), unzip),
)
