"""Where a fetch keeps what it has so far: beside the target, under a name that a later try finds again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from fairway.adapters.content import MODEL_FILE
from fairway.fetch.part import Part


class Staging:
    """The folder of one target.

    Attributes:
        files: the model's folder, until it is renamed to the target.
        archive: of a URI that names one.
        unpacked: the same as `files` for an archive.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._root = target.parent / f".{target.name}.part"
        self.files = self._root / "files"
        self.archive = self._root / "archive"
        self.unpacked = self._root / "unpacked"
        self._tags = self._root / "tags"

    @property
    def exists(self) -> bool:
        """An earlier try left something."""
        return self._root.exists()

    def part(self, name: str, *, is_archive: bool) -> Part:
        """Where the bytes of one file go.

        Args:
            name: path in the model's folder; "" for the single file that a URI names.
            is_archive: the single file is one.
        """
        path = self.archive if is_archive else self.files / (name or MODEL_FILE)
        return Part(path, self._tags / hashlib.sha256(name.encode()).hexdigest())

    def keep_only(self, names: Iterable[str]) -> None:
        """Remove files of an earlier try that are not of the content any more."""
        wanted = {self.files / (name or MODEL_FILE) for name in names}
        for path in [path for path in self.files.rglob("*") if path.is_file() and path not in wanted]:
            path.unlink()

    def publish(self, folder: Path) -> None:
        """Make a whole and verified folder the target, in one step."""
        folder.rename(self._target)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self._root, ignore_errors=True)
