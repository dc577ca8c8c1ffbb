"""Writes a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, text: str, *, keep: Path | None = None) -> None:
    """Replace the file in one step; after a crash there is the old content or the new, never a part.

    Args:
        path: what to replace; its folder must exist.
        text: the whole new content.
        keep: where the old content stays, if anywhere.

    Raises:
        OSError: the disk is full or not writable; the old content is untouched.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            with suppress(FileNotFoundError):
                keep.unlink()
            os.link(path, keep)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
