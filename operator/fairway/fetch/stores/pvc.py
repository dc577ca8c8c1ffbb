"""`pvc://claim/path`: a volume of the model's namespace, mounted read-only where `Access.claim` says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO
from urllib.parse import unquote

from fairway.adapters.content import CHUNK, Unreadable, files_of
from fairway.fetch.errors import NotFound, NotReadable, WrongUri
from fairway.fetch.protocols import Access, Entry, Listing, Opened
from fairway.fetch.uris import shown, split

EXAMPLE = "pvc://CLAIM/path/to/model.onnx"


class PvcStore:
    """Reads a file or folder of a mounted volume."""

    def __init__(self, uri: str, access: Access) -> None:
        """Prepare.

        Raises:
            WrongUri: not such a URI, or one that leads out of the volume.
        """
        path = unquote(split(uri, EXAMPLE).path).strip("/")
        if ".." in path.split("/"):
            raise WrongUri(f"{shown(uri)} leads out of the volume; write it like {EXAMPLE}")
        if access.claim is None:
            raise WrongUri(f"{shown(uri)} is of a volume that is not mounted here")
        self._uri = uri
        self._root = access.claim
        self._source = access.claim / path

    async def find(self) -> Listing:
        try:
            return await asyncio.to_thread(self._find)
        except Unreadable as error:
            # The user knows the claim, and not where it is mounted.
            words = str(error).replace(str(self._source), shown(self._uri).rstrip("/"))
            raise (NotReadable if self._source.exists() else NotFound)(words) from error

    @asynccontextmanager
    async def open(self, entry: Entry, start: int, tag: str | None) -> AsyncIterator[Opened]:
        path = self._source / entry.name if entry.name else self._source
        with path.open("rb") as file:
            stat = path.stat()
            now = f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
            first = start if tag == now else 0
            file.seek(first)
            yield Opened(first, stat.st_size, now, _chunks(file))

    async def close(self) -> None:
        """Nothing is kept open."""

    def _find(self) -> Listing:
        if not self._source.resolve().is_relative_to(self._root.resolve()):
            raise Unreadable(f"{self._source} is a link that leads out of the volume")
        found = files_of(self._source)
        is_file = found == [self._source]
        return Listing(
            tuple(
                Entry("" if is_file else path.relative_to(self._source).as_posix(), path.stat().st_size)
                for path in found
            )
        )


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk
