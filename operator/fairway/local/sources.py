"""The manifest files that `local up` was given: applied when what they say changes, and only then.

What each model was last given from files is remembered, so that neither coming up again nor an edit of
another file undoes what was applied by other means in between.
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
from fairway.driver.ports import Ref

MANIFEST_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Change:
    """What reading the files again brought.

    Attributes:
        deployments: all resources in the files.
        gone: what the files named before and name no longer.
        error: why the files cannot be used; then nothing else is known.
    """

    deployments: tuple[ModelDeployment, ...] = ()
    gone: tuple[Ref, ...] = ()
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
        self._named: frozenset[Ref] = frozenset()
        try:
            self._applied: dict[str, str] = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._applied = {}

    def poll(self) -> Change | None:
        """What the files say; None when they say what they said at the last call."""
        try:
            contents = {str(file.resolve()): _fingerprint(_text(file)) for file in _expand(self._files)}
        except ManifestError as error:
            contents = {"error": str(error)}
        if contents == self._seen:
            return None
        self._seen = contents
        try:
            deployments = tuple(read_manifests(self._files))
        except ManifestError as error:
            return Change(error=error)
        before, self._named = self._named, frozenset(map(_ref, deployments))
        return Change(deployments, gone=tuple(sorted(before - self._named)))

    def read_again(self) -> None:
        """Let the next `poll` bring everything: it could not be used this time."""
        self._seen = {}

    def was_applied(self, md: ModelDeployment) -> bool:
        """Whether this is what the model was last given from files."""
        return self._applied.get(str(_ref(md))) == _fingerprint(_wish(md))

    def applied(self, md: ModelDeployment) -> None:
        """Remember that the model was given this.

        Raises:
            OSError: the disk is full or not writable.
        """
        self._applied[str(_ref(md))] = _fingerprint(_wish(md))
        write_atomically(self._record, json.dumps(self._applied, indent=1))


def _ref(md: ModelDeployment) -> Ref:
    return Ref(md.metadata.namespace, md.metadata.name)


def _wish(md: ModelDeployment) -> str:
    return md.model_dump_json(include={"metadata": {"labels", "annotations"}, "spec": True})


def _expand(files: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for file in files:
        if file.is_dir():
            found += _manifests_in(file)
        else:
            found.append(file)
    return found


def _manifests_in(folder: Path) -> list[Path]:
    """Hidden files are left out: editors keep their unfinished copies in them."""
    try:
        return sorted(
            f for f in folder.iterdir() if f.suffix in MANIFEST_SUFFIXES and not f.name.startswith(".")
        )
    except OSError as error:
        raise ManifestError((Problem(f"cannot be read: {error.strerror}", source=str(folder)),)) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestError((Problem(f"cannot be read: {error.strerror}", source=str(file)),)) from error
    except UnicodeDecodeError as error:
        raise ManifestError((Problem("is not UTF-8 text", source=str(file)),)) from error


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
