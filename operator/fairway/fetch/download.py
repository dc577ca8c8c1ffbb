"""Reads everything that lies behind a URI, and computes the digest that names it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from fairway.adapters.content import digest_of_list, never
from fairway.fetch.archives import check_head, kind_of
from fairway.fetch.part import Part
from fairway.fetch.progress import Progress
from fairway.fetch.protocols import Store
from fairway.fetch.transfer import Patience, Transfer


@dataclass(frozen=True, slots=True)
class Content:
    """What was read.

    Attributes:
        sha256: of the file or archive, or of the list of a folder's digests.
        bytes: of all files.
        files: how many; an archive is one.
    """

    sha256: str
    bytes: int
    files: int


async def download(
    store: Store,
    uri: str,
    make_part: Callable[[str], Part],
    patience: Patience,
    stopped: Callable[[], bool] = never,
) -> Content:
    """Read all files.

    Args:
        store: of the URI.
        uri: tells whether it is an archive.
        make_part: for a file's path in the model's folder, "" for the single file of a URI.
        patience: with the store.
        stopped: whether somebody asked to end; looked at while the bytes of an earlier try are read.

    Raises:
        FetchError: it cannot be read.
    """
    listing = await store.find()
    progress = Progress(listing.size)
    kind = None if listing.is_folder else kind_of(uri)
    telling = asyncio.create_task(progress.tell())
    digests = {}
    try:
        for entry in listing.entries:
            part = make_part(entry.name)
            await asyncio.to_thread(part.resume, stopped)
            progress.add(part.length)
            await Transfer(store, entry, part, progress, patience).run()
            if kind is not None:
                check_head(kind, part.head, uri)
            digests[entry.name] = part.sha256
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
    sha256 = digest_of_list(digests) if listing.is_folder else digests[""]
    return Content(sha256, progress.done, len(digests))
