"""What the tests of a fetch have in common."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairway.fetch.archive import Limits
from fairway.fetch.download import Content, download
from fairway.fetch.get import Get
from fairway.fetch.part import Part
from fairway.fetch.protocols import Access
from fairway.fetch.registry import open_store
from fairway.fetch.transfer import Patience

QUICK = Patience(tries=4, restarts=3, first_seconds=0.001, longest_seconds=0.002)
"""The waits between tries do not matter here; how many there are does."""


@dataclass
class Bucket:
    """A bucket of a real S3 server."""

    client: Any
    name: str
    url: str

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def access(self, **changes: str) -> Access:
        keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_ENDPOINT_URL": self.url}
        return Access(keys | {"AWS_REGION": "us-east-1"} | changes)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def get(
    uri: str,
    target: Path,
    access: Access,
    sha256: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  frozen
) -> Content | None:
    """Fetch a model; without a digest whatever the store has."""
    store = open_store(uri, access)
    try:
        wanted = sha256 or (await resolve(uri, access)).sha256
        return await Get(store, uri, wanted, target, QUICK, limits).run()
    finally:
        await store.close()


async def resolve(uri: str, access: Access) -> Content:
    store = open_store(uri, access)
    try:
        return await download(store, uri, lambda _name: Part(), QUICK)
    finally:
        await store.close()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
