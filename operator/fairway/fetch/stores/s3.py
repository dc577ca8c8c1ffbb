"""`s3://bucket/key`: one object, or all objects whose keys begin with `key/`. Reads through obstore.

Who asks is said by the keys AWS_… of the Secret, else by what a cloud puts into the environment or behind its
metadata address: workload identity needs no Secret.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    BaseError,
)
from obstore.store import S3Store as Bucket

from fairway.adapters.content import CHUNK, Unreadable, check_count, check_name
from fairway.fetch.errors import (
    NotFound,
    NotReadable,
    WrongUri,
)
from fairway.fetch.protocols import Access, Entry, Listing, Opened, nothing
from fairway.fetch.stores.s3_troubles import s3_trouble
from fairway.fetch.uris import shown

if TYPE_CHECKING:  # words for the type checker only: they do not exist when the program runs
    from obstore import GetOptions, GetResult
    from obstore.store import ClientConfig

EXAMPLE = "s3://BUCKET/path/to/model.onnx"
CONFIG = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "AWS_SKIP_SIGNATURE",
    "AWS_REQUEST_PAYER",
)
"""The keys of a Secret that are heard."""
CA_CERTIFICATES = "CA_CERTIFICATES"
_URI = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9])/(?P<key>.+)", re.DOTALL)


class S3Store:
    """Reads the objects of one bucket."""

    def __init__(self, uri: str, access: Access) -> None:
        """Prepare.

        Raises:
            WrongUri: not such a URI.
        """
        parts = _URI.fullmatch(uri)
        if parts is None:
            raise WrongUri(f"{shown(uri)} is no URI of an object; write it like {EXAMPLE}")
        self._uri = uri
        self._bucket_name, key = parts["bucket"], parts["key"]
        self._key, self._may_be_object = key.rstrip("/"), not key.endswith("/")
        self._bucket = _bucket(self._bucket_name, access)

    async def find(self) -> Listing:
        with self._words():
            if self._may_be_object:
                with suppress(FileNotFoundError):
                    head = await obstore.head_async(self._bucket, self._key)
                    return Listing((Entry("", head["size"]),))
            return Listing(tuple(await self._folder()))

    @asynccontextmanager
    async def open(self, entry: Entry, start: int, tag: str | None) -> AsyncIterator[Opened]:
        key = f"{self._key}/{entry.name}" if entry.name else self._key
        is_whole = False
        with self._words():
            if start and tag is not None:
                head = await obstore.head_async(self._bucket, key)
                start = start if head["e_tag"] == tag else 0
                is_whole = start > 0 and start == head["size"]  # no range begins at the end
            options: GetOptions = {"range": {"offset": start}, "if_match": tag} if start else {}
            found = None if is_whole else await obstore.get_async(self._bucket, key, options=options)
        if found is None:
            yield Opened(start, start, tag, nothing())
            return
        meta = found.meta
        yield Opened(start, meta["size"], meta["e_tag"], self._chunks(found))

    async def close(self) -> None:
        """The connections end with the process."""

    async def _chunks(self, found: GetResult) -> AsyncIterator[bytes]:
        with self._words():
            async for chunk in found.stream(CHUNK):
                yield chunk

    async def _folder(self) -> list[Entry]:
        prefix, found = f"{self._key}/", []
        async for chunk in obstore.list(self._bucket, self._key):
            for meta in chunk:
                name = meta["path"].removeprefix(prefix)
                if meta["path"] != self._key:  # else the marker that consoles make for an empty folder
                    check_name(name)
                    found.append(Entry(name, meta["size"]))
            check_count(len(found), shown(self._uri))
        if not found:
            raise NotFound(
                f"there is no object {shown(self._uri)} and none beneath it: look at the bucket, the key and "
                "AWS_ENDPOINT_URL"
            )
        return _without_markers(found)

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say what went wrong in words for a person."""
        try:
            yield
        except Unreadable as error:
            raise NotReadable(str(error)) from error
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise s3_trouble(error, self._bucket_name, self._uri) from error


def _bucket(name: str, access: Access) -> Bucket:
    config: Any = {key.lower(): access.secret[key] for key in CONFIG if access.secret.get(key)}
    options: ClientConfig = {
        # The endpoint alone says whether plain HTTP will do.
        "allow_http": access.word("AWS_ENDPOINT_URL").startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=60),
        "timeout": timedelta(days=7),  # of a whole answer: large models take their time
    }
    if certificates := access.word(CA_CERTIFICATES):
        options["root_certificate"] = certificates
    try:
        # Tries are counted in `transfer`, where what is here already is not asked for again.
        return Bucket(name, config=config, client_options=options, retry_config={"max_retries": 0})
    except (BaseError, ValueError) as error:
        raise WrongUri(f"the keys of the Secret do not fit together: {str(error).splitlines()[0]}") from error


def _without_markers(found: list[Entry]) -> list[Entry]:
    """An empty object that stands for a folder is no file."""
    folders = {parent for entry in found for parent in _parents(entry.name)}
    clash = next((entry.name for entry in found if entry.name in folders and entry.size), None)
    if clash is not None:
        raise NotReadable(f"{clash} is both an object and a folder of others: rename one of them")
    return [entry for entry in found if entry.name not in folders]


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
