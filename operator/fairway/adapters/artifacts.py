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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fairway.core.model import ArtifactState

MAX_FILES = 10_000
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

    async def look(self, uri: str) -> ArtifactState:
        """The digest of what lies behind the URI now; its copy exists when this returns one."""
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
            if source.is_file():
                digest = _copy_file(source, staging / "model.onnx")
            else:
                digest = _copy_folder(source, staging)
            with suppress(FileExistsError, OSError):
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


def _copy_file(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def _copy_folder(source: Path, target: Path) -> str:
    """Digest over the sorted list of (relative path, digest), as `sha256sum` over sorted files would give."""
    digest = hashlib.sha256()
    for path in _files(source):
        relative = path.relative_to(source)
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        digest.update(f"{_copy_file(path, target / relative)}  {relative.as_posix()}\n".encode())
    return digest.hexdigest()
