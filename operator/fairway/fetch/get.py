"""`fairway-fetch get`: a model is in its folder, whole and with the right digest, or not at all."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import structlog

from fairway.fetch.archive import Limits, unpack
from fairway.fetch.archives import kind_of
from fairway.fetch.download import Content, download
from fairway.fetch.errors import ArchiveRefused, ContentChanged
from fairway.fetch.part import Part
from fairway.fetch.protocols import Store
from fairway.fetch.staging import Staging
from fairway.fetch.transfer import Patience
from fairway.fetch.uris import shown

log = structlog.get_logger()


class Get:
    """One model on its way into one folder."""

    def __init__(
        self,
        store: Store,
        uri: str,
        sha256: str,
        target: Path,
        patience: Patience,
        limits: Limits,
    ) -> None:
        self._store = store
        self._uri = uri
        self._sha256 = sha256
        self._target = target
        self._patience = patience
        self._limits = limits
        self._staging = Staging(target)
        self._stopping = threading.Event()

    async def run(self) -> Content | None:
        """Bring it about; None when it was there already.

        Raises:
            FetchError: there is no model; what helps a later try is kept.
        """
        if self._target.exists():  # it is renamed into place once it is whole
            return None
        try:
            content = await self._download_right()
            await self._publish()
        except ArchiveRefused:
            self._staging.clear()  # nothing of it is of any use
            raise
        finally:
            self._stopping.set()
        return content

    async def _download_right(self) -> Content:
        was_begun = self._staging.exists
        content = await self._download()
        if content.sha256 != self._sha256 and was_begun:
            log.warning("what an earlier try left is of no use: all is read again")
            self._staging.clear()
            content = await self._download()
        if content.sha256 != self._sha256:
            self._staging.clear()
            raise ContentChanged(
                f"{shown(self._uri)} now has sha256 {content.sha256} and not {self._sha256}: restore what "
                "was there, or give the new content a uri of its own"
            )
        return content

    async def _download(self) -> Content:
        is_archive = kind_of(self._uri) is not None

        names = []

        def part(name: str) -> Part:
            names.append(name)
            return self._staging.part(name, is_archive=is_archive and not name)

        content = await download(self._store, self._uri, part, self._patience, self._stopping.is_set)
        self._staging.keep_only(names)
        return content

    async def _publish(self) -> None:
        kind = kind_of(self._uri)
        folder = self._staging.files
        if kind is not None and self._staging.archive.exists():
            folder = self._staging.unpacked
            await asyncio.to_thread(
                unpack, self._staging.archive, folder, kind.unpack, self._limits, self._stopping.is_set
            )
        self._staging.publish(folder)
