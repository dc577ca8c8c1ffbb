"""The local store: one folder per ModelDeployment, what the user wants apart from what Fairway remembers.

`spec.json` is written by the CLI and `status.json` by the running Fairway, each whole and by rename, under
a lock that all processes share. The last status but one stays beside it: should a disk tear the newest one,
the rollout goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fairway.adapters.atomic import write_atomically
from fairway.adapters.errors import StoreError, StoreTooNew
from fairway.api.status import Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref

FORMAT = 1
_WAY_OUT = "forget it with `fairway delete` and apply its manifest again"
SPEC, STATUS, STATUS_BEFORE = "spec.json", "status.json", "status.before.json"
log = logging.getLogger(__name__)  # the plain one: the command line works without any extra


class FileStore:
    """Implements `driver.ports.Store` over files, and what the CLI needs beside it."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made yet: who only looks leaves no folder behind."""
        self._folder = folder

    # What the tick needs.

    async def read(self, ref: Ref) -> ModelDeployment | None:
        return self.get(ref)

    async def remember(self, md: ModelDeployment, status: Status) -> ModelDeployment:
        ref = Ref(md.metadata.namespace, md.metadata.name)
        with self._locked():
            now = self._load(ref)
            if now is None or _identity(now) != _identity(md):
                raise Conflict(f"{ref} changed since it was read")
            if now.status == status:
                return now
            folder = self._of(ref)
            _, version = _versions(now)
            content = {"format": FORMAT, "version": version + 1, "status": _dump(status)}
            _write(folder / STATUS, content, keep=folder / STATUS_BEFORE)
            stored = self._load(ref)
        if stored is None:
            raise Conflict(f"{ref} was deleted meanwhile")
        return stored

    # What the CLI needs.

    def get(self, ref: Ref) -> ModelDeployment | None:
        """The newest resource; None when there is none of that name.

        Raises:
            StoreError: what is stored cannot be read.
        """
        if not self._of(ref).is_dir():
            return None
        with self._locked():
            return self._load(ref)

    def refs(self) -> list[Ref]:
        """All resources, in order."""
        return sorted(Ref(p.parent.parent.name, p.parent.name) for p in self._folder.glob(f"*/*/{SPEC}"))

    def put(self, md: ModelDeployment) -> tuple[ModelDeployment, bool]:
        """Store what the user wants; the generation rises when the spec differs.

        Returns:
            The stored resource, and whether its spec was new.
        """
        ref = Ref(md.metadata.namespace, md.metadata.name)

        def change(old: dict[str, Any] | None) -> dict[str, Any]:
            metadata = md.metadata.model_dump(mode="json", by_alias=True)
            spec = _dump(md.spec)
            known = old["metadata"] if old else {}
            same = old is not None and old["spec"] == spec
            metadata["annotations"] = {**known.get("annotations", {}), **metadata["annotations"]}
            metadata["generation"] = known.get("generation", 0) + (0 if same else 1)
            metadata["uid"] = known.get("uid") or str(uuid.uuid4())
            return {"metadata": metadata, "spec": spec}

        return self._change(ref, change)

    def annotate(self, ref: Ref, key: str, value: str) -> None:
        """Set one annotation.

        Raises:
            StoreError: there is no resource of that name.
        """

        def change(old: dict[str, Any] | None) -> dict[str, Any]:
            if old is None:
                raise StoreError(f"there is no ModelDeployment {ref}")
            metadata = {**old["metadata"], "annotations": {**old["metadata"]["annotations"], key: value}}
            return {"metadata": metadata, "spec": old["spec"]}

        self._change(ref, change)

    def delete(self, ref: Ref) -> bool:
        """Forget a resource; False when there is none of that name."""
        with self._locked():
            folder = self._of(ref)
            if not (folder / SPEC).exists():
                return False
            (folder / SPEC).unlink()  # from here on it is gone, whatever becomes of the rest
            shutil.rmtree(folder)
            return True

    def fingerprint(self) -> tuple[tuple[str, int], ...]:
        """Differs whenever somebody wrote a spec or an annotation, or deleted something. One stat a file."""
        found = []
        for path in self._folder.glob(f"*/*/{SPEC}"):
            with suppress(FileNotFoundError):
                found.append((str(path), path.stat().st_mtime_ns))
        return tuple(sorted(found))

    def refuse_newer(self) -> None:
        """Read everything once, so that a store which a newer Fairway wrote is refused before it is touched.

        Raises:
            StoreTooNew: at least one file was written by a newer Fairway.
        """
        for path in sorted(self._folder.glob("*/*/*.json")):
            try:
                _read(path)
            except StoreTooNew:
                raise
            except StoreError:
                continue  # damaged: that is told when it is needed

    def _change(
        self, ref: Ref, change: Callable[[dict[str, Any] | None], dict[str, Any]]
    ) -> tuple[ModelDeployment, bool]:
        with self._locked():
            folder = self._of(ref)
            old = _read(folder / SPEC)
            new = change(old)
            version = (old["version"] if old else 0) + 1
            if old is None:  # what a deletion cut short left behind belongs to nobody
                shutil.rmtree(folder, ignore_errors=True)
            if old is None or {k: old[k] for k in ("metadata", "spec")} != new:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(folder / SPEC, {"format": FORMAT, "version": version, **new})
            stored = self._load(ref)
        if stored is None:
            raise StoreError(f"{ref} vanished while it was written")
        return stored, old is None or old["spec"] != new["spec"]

    def _load(self, ref: Ref) -> ModelDeployment | None:
        folder = self._of(ref)
        wanted = _read(folder / SPEC)
        if wanted is None:
            return None
        known = _read_status(folder)
        versions = f"{wanted['version']}.{known['version']}"
        try:
            return ModelDeployment.model_validate(
                {
                    "metadata": {**wanted["metadata"], "resourceVersion": versions},
                    "spec": wanted["spec"],
                    "status": known["status"],
                },
                extra="ignore",
            )
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise StoreError(
                f"the stored {ref} in {folder} cannot be understood: {place}: {first['msg']}; {_WAY_OUT}"
            ) from error

    def _of(self, ref: Ref) -> Path:
        return self._folder / ref.namespace / ref.name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self._folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StoreError(f"cannot use the store in {self._folder}: {error.strerror}") from error


def _identity(md: ModelDeployment) -> tuple[str, str]:
    """Deleted and made anew, a resource begins with the same versions again."""
    return md.metadata.uid, md.metadata.resource_version


def _versions(md: ModelDeployment) -> tuple[int, int]:
    spec, _, status = md.metadata.resource_version.partition(".")
    return int(spec), int(status)


def _dump(model: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _write(path: Path, content: dict[str, Any], keep: Path | None = None) -> None:
    write_atomically(path, json.dumps(content, indent=1) + "\n", keep=keep)


def _read(path: Path) -> dict[str, Any] | None:
    """One file of ours; None when it is not there.

    Raises:
        StoreTooNew: it was written by a newer Fairway.
        StoreError: it is torn.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error}); {_WAY_OUT}") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise StoreError(f"{path} is damaged (not a file of Fairway's store); {_WAY_OUT}")
    if content["format"] > FORMAT:
        raise StoreTooNew(
            f"{path} was written by a newer Fairway (format {content['format']}, this one reads {FORMAT}); "
            "upgrade fairway, or choose another --state-dir"
        )
    members = {"metadata", "spec"} if path.name == SPEC else {"status"}
    if not isinstance(content.get("version"), int) or not members <= content.keys():
        raise StoreError(f"{path} is damaged (a part is missing); {_WAY_OUT}")
    return content


def _read_status(folder: Path) -> dict[str, Any]:
    """The newest whole status; the one before it when the newest is torn; an empty one when there is none."""
    try:
        return _read(folder / STATUS) or {"version": 0, "status": {}}
    except StoreTooNew:
        raise
    except StoreError:
        broken = folder / f"{STATUS}.damaged"
        (folder / STATUS).replace(broken)
        log.warning("the status was damaged (kept as %s): going back to the one before", broken)
    try:
        before = _read(folder / STATUS_BEFORE)
    except StoreTooNew:
        raise
    except StoreError:
        before = None
    # The torn one may have been seen, under the version after `before`: what replaces it is newer still.
    known = before or {"format": FORMAT, "version": 0, "status": {}}
    restored = {**known, "version": known["version"] + 2}
    _write(folder / STATUS, restored)
    return restored
