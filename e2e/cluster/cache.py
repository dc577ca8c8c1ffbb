"""Results that took minutes to make, kept outside the tree by a hash of all that went into them.

An entry is a folder `<root>/<name>/<hash>/`. It appears at once and whole, or not at all; two builders of
the same entry wait for each other. An entry that nobody used for a month goes when the next one of its name
comes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from e2e.cluster.progress import say, step

UNUSED_DAYS = 30
_HASH_LENGTH = 16
_INPUTS = "inputs.json"

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Cache:
    root: Path

    def find(self, name: str, inputs: Inputs) -> Path | None:
        """The folder of an entry, or None when nobody has made it yet."""
        entry = self._entry(name, inputs)
        if not entry.is_dir():
            return None
        os.utime(entry)  # "used now": see _drop_unused
        return entry

    def make(self, name: str, inputs: Inputs, build: Callable[[Path], None]) -> Path:
        """The folder of an entry; `build` fills an empty one if there is none yet.

        Raises:
            ClusterError: whatever `build` raises. Nothing is left of the entry then.
        """
        with self.one_at_a_time(f"{name}-{self.key(inputs)}"):
            found = self.find(name, inputs)
            if found:
                return found
            entry = self._entry(name, inputs)
            entry.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=entry.parent))
            try:
                with step(f"making {name}"):
                    build(draft)
                (draft / _INPUTS).write_text(json.dumps(inputs, indent=1, sort_keys=True))
                draft.chmod(0o755)
                draft.rename(entry)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            self._drop_unused(entry)
            return entry

    @contextmanager
    def one_at_a_time(self, name: str) -> Iterator[None]:
        """While nobody else does the thing of this name; waits until that is so."""
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that makes {name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def shared(self, name: str) -> Iterator[None]:
        """While somebody uses a thing together with others."""
        with self._lock_file(name) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody uses that thing now; while this lasts, nobody can begin to."""
        with self._lock_file(name) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def fresh_log(self, name: str) -> Path:
        """An empty file in which the making of `name` is logged."""
        log = self.root / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        return log

    def key(self, inputs: Inputs) -> str:
        """The hash that names an entry."""
        text = json.dumps(inputs, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]

    def _entry(self, name: str, inputs: Inputs) -> Path:
        return self.root / name / self.key(inputs)

    def _lock_file(self, name: str) -> IO[str]:
        lock = self.root / "locks" / name
        lock.parent.mkdir(parents=True, exist_ok=True)
        return lock.open("w")

    def _drop_unused(self, fresh: Path) -> None:
        oldest = time.time() - UNUSED_DAYS * 24 * 3600  # noqa: TID251 (file times are wall-clock times)
        for other in fresh.parent.iterdir():
            if other != fresh and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)


def cache() -> Cache:
    """The cache of this user: $FAIRWAY_CACHE, or `fairway` in the user's cache folder."""
    own = os.environ.get("FAIRWAY_CACHE")
    if own:
        return Cache(Path(own).absolute())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Cache(Path(base) / "fairway")
