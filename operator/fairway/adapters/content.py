"""What names a model's content: a file has its sha256, a folder that of the list which `sha256sum` prints.

Anybody can compute both without Fairway:

    sha256sum model.onnx
    cd model && find * -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

MAX_FILES = 10_000
MODEL_FILE = "model.onnx"
"""What a model of a single file is called in its folder."""
CHUNK = 1 << 20


class Unreadable(Exception):
    """One sentence for the user about why the artifact cannot be taken."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


def digest_of_list(digests: Mapping[str, str]) -> str:
    """The digest of a folder.

    Args:
        digests: sha256 of each file by its path in the folder, with `/` between the parts.
    """
    digest = hashlib.sha256()
    for name in in_order(digests):
        digest.update(f"{digests[name]}  {name}\n".encode())
    return digest.hexdigest()


def in_order(names: Iterable[str]) -> list[str]:
    """Paths as `LC_ALL=C sort` has them: by their bytes."""
    return sorted(names, key=os.fsencode)


def check_name(name: str) -> None:
    """Refuse a path in a folder that leads out of it, or that a list of digests could be forged with.

    Raises:
        Unreadable: one sentence about the name.
    """
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise Unreadable(f"{name!r} is not a path inside the model's folder")
    if "\\" in name or not name.isprintable():
        raise Unreadable(f"{name!r} has a backslash or a character that cannot be printed: rename the file")


def check_count(count: int, source: object) -> None:
    """Refuse what cannot be one model.

    Raises:
        Unreadable: more than `MAX_FILES`.
    """
    if count > MAX_FILES:
        raise Unreadable(f"{source} holds more than {MAX_FILES} files; point uri to the model's own folder")


def files_of(source: Path) -> list[Path]:
    """The file itself, or every file of a folder in the order of `in_order`.

    Raises:
        Unreadable: it is missing, empty, too much, or has links that lead out of it.
    """
    if source.is_file():
        return [source]
    if not source.exists():
        raise Unreadable(f"there is no file or folder {source}")
    if not source.is_dir():
        raise Unreadable(f"{source} is neither a file nor a folder")
    found: dict[str, Path] = {}
    for folder, _, names in os.walk(source):
        paths = [Path(folder) / name for name in names]
        found |= {path.relative_to(source).as_posix(): path for path in paths}
        check_count(len(found), source)
    root = source.resolve()
    for name, path in found.items():
        if not path.is_file():  # a pipe, or a link that leads nowhere or to itself
            raise Unreadable(f"{path} is neither a file nor a folder")
        if not path.resolve().is_relative_to(root):
            raise Unreadable(f"{path} is a link that leads out of the model's folder")
        check_name(name)
    if not found:
        raise Unreadable(f"the folder {source} is empty")
    return [found[name] for name in in_order(found)]


def read(source: Path, target: Path | None, stopped: Callable[[], bool] = never) -> str:
    """The digest of a file or folder; copied into the folder `target` on the way if wanted.

    Raises:
        Unreadable: see `files_of`; or it was stopped.
    """
    if source.is_file():
        return read_file(source, target / MODEL_FILE if target else None, stopped)
    digests = {}
    for path in files_of(source):
        name = path.relative_to(source).as_posix()
        digests[name] = read_file(path, target / name if target else None, stopped)
    return digest_of_list(digests)


def read_file(source: Path, target: Path | None, stopped: Callable[[], bool] = never) -> str:
    """The digest of one file; copied on the way if wanted.

    Raises:
        Unreadable: it was stopped.
    """
    digest = hashlib.sha256()
    with ExitStack() as stack:
        reader = stack.enter_context(source.open("rb"))
        writer = None
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            writer = stack.enter_context(target.open("wb"))
        while chunk := reader.read(CHUNK):
            if stopped():
                raise Unreadable(f"{source} was not read to its end: fairway is stopping")
            digest.update(chunk)
            if writer is not None:
                writer.write(chunk)
        if writer is not None:  # a copy with a digest for a name must not be found empty after a power cut
            writer.flush()
            os.fsync(writer.fileno())
    return digest.hexdigest()
