"""Reads what lies behind a `file:` URI and keeps a copy of it by its content.

Servers are always started from the copy: a file that is overwritten under a running model, or between two
restarts, never changes what is served.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fairway.core.model import ArtifactState

MAX_FILES = 10_000
MODEL_FILE = "model.onnx"
_CHUNK = 1 << 20
Signature = tuple[tuple[str, int, int, int], ...]


class Unreadable(Exception):
    """One sentence for the user about why the artifact cannot be taken."""


@dataclass(frozen=True, slots=True)
class _Known:
    signature: Signature
    sha256: str


class FileArtifacts:
    """A content-addressed cache of model files and folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Known] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, sha256: str) -> Path:
        """Where the copy of this content lies."""
        return self._folder / sha256

    async def look(self, uri: str, pin: str | None = None) -> ArtifactState:
        """The digest of what lies behind the URI now; its copy exists when this returns one.

        With a pin, a copy that is kept already will do: content that was replaced can still be gone back to.
        """
        if pin is not None and self.path(pin).exists():
            return ArtifactState(uri, sha256=pin)
        try:
            return ArtifactState(uri, sha256=await asyncio.to_thread(self._take, uri))
        except Unreadable as error:
            return ArtifactState(uri, error=str(error))
        except OSError as error:
            return ArtifactState(uri, error=f"cannot read {uri}: {error.strerror}")

    def _take(self, uri: str) -> str:
        source = path_of(uri)
        signature = _signature(source)
        known = self._known.get(uri)
        if known is not None and known.signature == signature and self.path(known.sha256).exists():
            return known.sha256
        sha256 = self._copy(source)
        if _signature(source) != signature:
            raise Unreadable(f"{uri} is being written right now")
        self._known[uri] = _Known(signature, sha256)
        return sha256

    def _copy(self, source: Path) -> str:
        staging = Path(tempfile.mkdtemp(dir=self._folder, prefix=".incoming-"))
        try:
            digest = _read(source, staging)
            with suppress(OSError):
                staging.rename(self.path(digest))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        if not self.path(digest).exists():
            raise Unreadable(f"the copy of {source} cannot be kept in {self._folder}")
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
        for path in _files(source)
        for stat in (path.stat(),)
    )


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.exists():
        raise Unreadable(f"there is no file or folder {source}")
    if not source.is_dir():
        raise Unreadable(f"{source} is neither a file nor a folder")
    found: list[Path] = []
    for folder, _, names in os.walk(source):
        found += [Path(folder) / name for name in names]
        if len(found) > MAX_FILES:
            raise Unreadable(
                f"{source} holds more than {MAX_FILES} files; point uri to the model's own folder"
            )
    root = source.resolve()
    for path in found:
        if not path.resolve().is_relative_to(root):
            raise Unreadable(f"{path} is a link that leads out of the model's folder")
    if not found:
        raise Unreadable(f"the folder {source} is empty")
    return sorted(found)


def digest_of(uri: str) -> str:
    """The digest that the artifact would be known by; nothing is copied.

    Raises:
        Unreadable: there is nothing to read there.
    """
    source = path_of(uri)
    _files(source)
    return _read(source, None)


def _read(source: Path, target: Path | None) -> str:
    """Digest of a file, or of a folder's list as `sha256sum` prints it; copied on the way if wanted."""
    if source.is_file():
        return _read_file(source, target / MODEL_FILE if target else None)
    digest = hashlib.sha256()
    for path in _files(source):
        relative = path.relative_to(source)
        copy = target / relative if target else None
        digest.update(f"{_read_file(path, copy)}  {relative.as_posix()}\n".encode())
    return digest.hexdigest()


def _read_file(source: Path, target: Path | None) -> str:
    digest = hashlib.sha256()
    with ExitStack() as stack:
        reader = stack.enter_context(source.open("rb"))
        writer = None
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            writer = stack.enter_context(target.open("wb"))
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            if writer is not None:
                writer.write(chunk)
    return digest.hexdigest()
