"""Finds the model file and checks it before the runtime opens anything.

What is refused here could otherwise make the runtime read files outside the model's folder.
"""

import mmap
import os
import stat
from pathlib import Path

from fairway_onnx.errors import (
    ExternalDataMissingError,
    ExternalDataOutsideFolderError,
    ModelInvalidError,
    ModelNotFoundError,
    shown,
)
from fairway_onnx.onnx_wire import ModelFacts, WireError, read_facts

_GIT_LFS_POINTER = b"version https://git-lfs"


def find_model(path: Path) -> Path:
    """The model file that `--model` means: a file, or a folder with `model.onnx` or exactly one `.onnx` file.

    Raises:
        ModelNotFoundError: nothing there, or more than one candidate.
    """
    try:
        if not path.is_dir():
            return _existing(path)
        preferred = path / "model.onnx"
        if preferred.exists():
            return preferred
        candidates = sorted(child.name for child in path.iterdir() if child.suffix == ".onnx")
    except OSError as error:
        raise ModelNotFoundError(f"the model {path} cannot be read: {error.strerror}") from error
    if len(candidates) == 1:
        return path / candidates[0]
    found = f"{len(candidates)} .onnx files and none is named model.onnx" if candidates else "no .onnx file"
    raise ModelNotFoundError(f"the model folder {path} holds {found}")


def check_model(path: Path) -> ModelFacts:
    """Read what the file says about itself and refuse what must not reach the runtime.

    Raises:
        ModelNotFoundError: the file cannot be read.
        ModelInvalidError: not an ONNX file, or a truncated one.
        ExternalDataOutsideFolderError: a tensor's data lies outside the model's folder.
        ExternalDataMissingError: a tensor's data file is not there.
    """
    facts = _facts(path)
    if not facts.has_graph:
        raise ModelInvalidError(f"{path.name} is not an ONNX model: it has no graph")
    for location in facts.external_locations:
        _check_external(path.parent, location)
    return facts


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ModelNotFoundError(f"there is no model at {path}")
    return path


def _facts(path: Path) -> ModelFacts:
    try:
        # Opening a fifo would wait for a writer that never comes, so look at the type first.
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ModelInvalidError(f"{path.name} is not a regular file")
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise ModelInvalidError(f"{path.name} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
                if buffer[: len(_GIT_LFS_POINTER)] == _GIT_LFS_POINTER:
                    raise ModelInvalidError(
                        f"{path.name} is a Git LFS pointer, the model itself was not downloaded"
                    )
                return read_facts(buffer)
    except WireError as error:
        raise ModelInvalidError(f"{path.name} is not an ONNX model or is truncated: {error}") from error
    except OSError as error:
        raise ModelNotFoundError(f"the model {path} cannot be read: {error.strerror}") from error


def _check_external(folder: Path, location: bytes) -> None:
    quoted = shown(location.decode(errors="replace"))
    if not location or b"\0" in location:
        raise ModelInvalidError(f"the model names external data {quoted}, which is no file name")
    # A first part "*" is how the runtime itself marks addresses in memory; it is never a file of a model.
    parts = location.split(b"/")
    if location.startswith((b"/", b"*")) or b".." in parts:
        raise ExternalDataOutsideFolderError(
            f"the model's external data {quoted} lies outside the model's folder"
        )
    target = os.path.realpath(os.path.join(os.fsencode(folder), location))  # noqa: PTH118 - bytes
    root = os.path.realpath(os.fsencode(folder))
    if os.path.commonpath([root, target]) != root:
        raise ExternalDataOutsideFolderError(
            f"the model's external data {quoted} leads outside the model's folder"
        )
    try:
        mode = os.stat(target).st_mode  # noqa: PTH116 - bytes
    except OSError as error:
        raise ExternalDataMissingError(
            f"the model's external data {quoted} is missing: {error.strerror}"
        ) from error
    if not stat.S_ISREG(mode):
        raise ExternalDataMissingError(f"the model's external data {quoted} is not a regular file")
