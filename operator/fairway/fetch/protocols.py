"""What a store is: it lists what lies behind a URI, and reads each file from any offset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Attributes:
        name: path in the model's folder; "" when the URI is of a single file.
        size: in bytes, None where only reading it tells.
    """

    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies behind a URI.

    Attributes:
        entries: one without a name, or all files of a folder.
    """

    entries: tuple[Entry, ...]

    @property
    def is_folder(self) -> bool:
        return any(entry.name for entry in self.entries)

    @property
    def size(self) -> int | None:
        """Bytes of all files, None where only reading them tells."""
        sizes = [entry.size for entry in self.entries if entry.size is not None]
        return sum(sizes) if len(sizes) == len(self.entries) else None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being read.

    Attributes:
        start: offset of the first byte that comes; 0 when the store cannot go on where it was asked to.
        size: of the whole file in bytes, None when the store does not say.
        tag: changes whenever the content does; None when the store has no such thing.
        chunks: the bytes; raises FetchError.
    """

    start: int
    size: int | None
    tag: str | None
    chunks: AsyncIterator[bytes]


async def nothing() -> AsyncIterator[bytes]:
    """The chunks of a file that is here already."""
    return
    yield b""


class Store(Protocol):
    """Reads one URI. All its errors are FetchErrors; what another try may cure is Unsteady."""

    async def find(self) -> Listing:
        """What there is to read."""

    def open(self, entry: Entry, start: int, tag: str | None) -> AbstractAsyncContextManager[Opened]:
        """Read a file, from an offset if the content still has this tag."""

    async def close(self) -> None:
        """Let go of all connections."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a store may use.

    Attributes:
        secret: the keys of `spec.model.secretRef`.
        environ: of the process; a cloud puts its workload identity there.
        claim: where the volume of a `pvc:` URI is mounted.
    """

    secret: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    claim: Path | None = None

    def word(self, name: str) -> str:
        """From the secret, else from the environment, else ""."""
        return self.secret.get(name) or self.environ.get(name, "")
