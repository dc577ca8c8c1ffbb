"""The command line in this process, on a store of its own; nothing is started."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fairway.adapters.files import FileStore
from fairway.api.status import HandledRequest, Status
from fairway.core.requests import pending
from fairway.driver.ports import Ref
from fairway.local.lock import UpLock

FRAUD = Ref("default", "fraud")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@dataclass
class Cli:
    """`fairway` as its user calls it, but for the process."""

    state: Path
    store: FileStore
    call: Callable[..., Said]

    def __call__(self, *arguments: str, stdin: str = "") -> Said:
        return self.call(*arguments, stdin=stdin)

    @contextmanager
    def running(self, answer: str | None = None) -> Iterator[None]:
        """As if a `fairway local up` held the folder.

        Args:
            answer: what it says to every request: "" accepts, another text refuses; None never answers.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        lock = UpLock(self.state / "up.lock")
        lock.take()
        over = threading.Event()
        somebody = threading.Thread(target=self._answer, args=(answer, over))
        somebody.start()
        try:
            yield
        finally:
            over.set()
            somebody.join()
            lock.release()

    def _answer(self, answer: str | None, over: threading.Event) -> None:
        while answer is not None and not over.wait(0.01):
            md = self.store.get(FRAUD)
            request = pending(md) if md else None
            if md is None or request is None or request.verb is None:
                continue
            done = HandledRequest(
                id=request.id,
                verb=request.verb,
                accepted=not answer,
                message=answer or f"{request.verb} done",
            )
            status = md.status.model_copy(update={"requests": (*md.status.requests, done)})
            write_status(self.store, status)


def write_status(store: FileStore, status: Status) -> None:
    """What a running Fairway would remember."""
    md = store.get(FRAUD)
    assert md is not None
    asyncio.run(store.remember(md, status))
