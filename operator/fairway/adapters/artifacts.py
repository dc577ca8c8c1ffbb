"""Reads what lies behind a `file:` URI and keeps a copy of it by its content.

Servers are always started from the copy: a file that is overwritten under a running model, or between two
restarts, never changes what is served.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fairway.adapters.content import Unreadable, files_of, read
from fairway.core.model import ArtifactState

PATIENCE_SECONDS = 0.25
Signature = tuple[tuple[str, int, int, int], ...]


class Unfinished(Unreadable):
    """Somebody is writing it right now: there is no content to name yet."""


@dataclass(frozen=True, slots=True)
class _Known:
    signature: Signature
    sha256: str


class FileArtifacts:
    """A content-addressed cache of model files and folders.

    Args:
        folder: of the copies.
        on_change: called when something that `look` did not wait for is known.
    """

    def __init__(self, folder: Path, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._on_change = on_change
        self._known: dict[str, _Known] = {}
        self._jobs: dict[str, asyncio.Task[str]] = {}
        self._closing = threading.Event()

    def path(self, sha256: str) -> Path:
        """Where the copy of this content lies."""
        return self._folder / sha256

    async def look(self, uri: str, pin: str | None = None) -> ArtifactState:
        """The digest of what lies behind the URI now; its copy exists when this returns one.

        With a pin, a copy that is kept already will do: content that was replaced can still be gone back to.
        A big model takes time to read, and others must not wait for it: until then nothing is known of it.
        """
        if pin is not None and self.path(pin).exists():
            return ArtifactState(uri, sha256=pin)
        job = self._jobs.get(uri)
        if job is None:
            job = self._jobs[uri] = asyncio.create_task(asyncio.to_thread(self._take, uri))
        done, _ = await asyncio.wait({job}, timeout=PATIENCE_SECONDS)
        if not done:
            job.add_done_callback(self._told_late)
            return ArtifactState(uri)
        self._jobs.pop(uri, None)
        try:
            return ArtifactState(uri, sha256=job.result())
        except Unfinished:
            return ArtifactState(uri)
        except Unreadable as error:
            return ArtifactState(uri, error=str(error))
        except OSError as error:
            return ArtifactState(uri, error=f"cannot read {uri}: {error.strerror}")

    def tidy(self, keep: set[str]) -> None:
        """Remove the copies that nobody can ask for any more, and what an earlier run left half done."""
        for path in self._folder.iterdir() if self._folder.exists() else ():
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    async def close(self) -> None:
        """Give up what is still being read."""
        self._closing.set()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    def _told_late(self, job: asyncio.Task[str]) -> None:
        if not job.cancelled():
            job.exception()  # whoever looks next is told; nobody may be left to look
        self._on_change()

    def _take(self, uri: str) -> str:
        source = path_of(uri)
        signature = _signature(source)
        known = self._known.get(uri)
        if known is not None and known.signature == signature and self.path(known.sha256).exists():
            return known.sha256
        sha256 = read(source, None, self._closing.is_set)
        if not self.path(sha256).exists():
            sha256 = self._copy(source)
        if _signature(source) != signature:
            raise Unfinished(f"{uri} is being written right now")
        self._known[uri] = _Known(signature, sha256)
        return sha256

    def _copy(self, source: Path) -> str:
        staging: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            staging = Path(tempfile.mkdtemp(dir=self._folder, prefix=".incoming-"))
            digest = read(source, staging, self._closing.is_set)
            with suppress(OSError):
                staging.rename(self.path(digest))
        except OSError as error:  # it was read a moment ago, so it is the copy that fails
            raise Unreadable(
                f"no copy of {source} can be kept in {self._folder}: {error.strerror}"
            ) from error
        finally:
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
        if not self.path(digest).exists():
            raise Unreadable(f"no copy of {source} can be kept in {self._folder}")
        return digest


def path_of(uri: str) -> Path:
    """The path in a `file:` URI: `file:///srv/m.onnx`, `file:/srv/m.onnx` or `file:m.onnx`.

    Raises:
        Unreadable: another scheme, or another host.
    """
    scheme, _, rest = uri.partition(":")
    if scheme != "file":
        raise Unreadable(f"local mode reads file: URIs only, not {scheme}: ({uri})")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in {"", "localhost"}:
            raise Unreadable(f"{uri} names another host; write file:///absolute/path")
        rest = slash + path
    return Path(unquote(rest))


def _signature(source: Path) -> Signature:
    return tuple(
        (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
        for path in files_of(source)
        for stat in (path.stat(),)
    )


def digest_of(uri: str) -> str:
    """The digest that the artifact would be known by; nothing is copied.

    Raises:
        Unreadable: there is nothing to read there.
    """
    source = path_of(uri)
    files_of(source)
    return read(source, None)
