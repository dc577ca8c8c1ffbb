"""The manifest files that `local up` was given: applied when their content changes, and only then.

What was applied last is remembered, so that coming up again does not undo what was applied by other means
in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fairway.adapters.atomic import write_atomically
from fairway.api.errors import ManifestError, Problem
from fairway.api.manifests import load_all
from fairway.api.v1alpha1 import ModelDeployment

MANIFEST_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Change:
    """What reading the files again brought: the resources, or why they cannot be used."""

    deployments: tuple[ModelDeployment, ...] = ()
    error: ManifestError | None = None


def read_manifests(files: Iterable[Path]) -> list[ModelDeployment]:
    """All ModelDeployments of these files and folders; relative model paths are taken from the file's folder.

    Raises:
        ManifestError: a file is missing or wrong, or two resources have one name.
    """
    texts = [(file, _text(file)) for file in _expand(files)]
    load_all((str(file), text) for file, text in texts)
    return [
        with_absolute_uri(md, file.resolve().parent)
        for file, text in texts
        for md in load_all([(str(file), text)])
    ]


def with_absolute_uri(md: ModelDeployment, folder: Path) -> ModelDeployment:
    """The same resource with a relative `file:` URI resolved against this folder."""
    scheme, _, rest = md.spec.model.uri.partition(":")
    if scheme != "file" or rest.startswith("/"):
        return md
    model = md.spec.model.model_copy(update={"uri": f"file://{(folder / rest).resolve()}"})
    return md.model_copy(update={"spec": md.spec.model_copy(update={"model": model})})


class Sources:
    """Watches manifest files and says what to apply."""

    def __init__(self, files: Iterable[Path], record: Path) -> None:
        self._files = tuple(files)
        self._record = record
        self._seen: dict[str, str] = {}
        try:
            self._applied: dict[str, str] = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._applied = {}

    def poll(self) -> Change | None:
        """What changed since the last call; None when nothing did."""
        try:
            contents = {str(file.resolve()): _fingerprint(_text(file)) for file in _expand(self._files)}
        except ManifestError as error:
            contents = {"error": str(error)}
        if contents == self._seen:
            return None
        self._seen = contents
        if all(self._applied.get(file) == content for file, content in contents.items()):
            return None
        try:
            return Change(deployments=tuple(read_manifests(self._files)))
        except ManifestError as error:
            return Change(error=error)

    def applied(self) -> None:
        """Remember that what the last `poll` found is applied."""
        self._applied.update(self._seen)
        write_atomically(self._record, json.dumps(self._applied, indent=1))


def _expand(files: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for file in files:
        if file.is_dir():
            found += sorted(f for f in file.iterdir() if f.suffix in MANIFEST_SUFFIXES)
        else:
            found.append(file)
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestError((Problem(f"cannot be read: {error.strerror}", source=str(file)),)) from error
    except UnicodeDecodeError as error:
        raise ManifestError((Problem("is not UTF-8 text", source=str(file)),)) from error


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
