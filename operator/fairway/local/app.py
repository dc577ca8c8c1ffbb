"""The laptop shell: the same tick as in a cluster, over files, processes and one Envoy.

One task takes the models in turn, so no two ticks ever run at once. Whatever happens outside (a file changed,
a server died, Envoy acknowledged) only wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from fairway.adapters.files import FileStore
from fairway.api.errors import FairwayError
from fairway.core.model import Notice, Severity
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref
from fairway.driver.tick import tick
from fairway.local.lock import UpLock
from fairway.local.paths import LocalPaths
from fairway.local.platform import LocalPlatform
from fairway.local.ports import FIRST_PORT
from fairway.local.sources import Sources

log = structlog.get_logger()

POLL_SECONDS = 0.2
MAX_BACKOFF = timedelta(seconds=30)
Listener = Callable[[Ref | None, Notice], None]


@dataclass
class _Turn:
    """When a model is looked at next, and how often in a row that went wrong."""

    due: float = 0.0
    failures: int = 0


@dataclass
class LocalApp:
    """One local Fairway.

    Attributes:
        on_notice: told of everything that a person wants to hear about.
    """

    paths: LocalPaths
    files: tuple[Path, ...] = ()
    first_port: int = FIRST_PORT
    on_notice: Listener = lambda _ref, _notice: None
    _turns: dict[Ref, _Turn] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.paths.make()
        self._lock = UpLock(self.paths.lock)
        self.store = FileStore(self.paths.deployments)
        self.platform = LocalPlatform(self.paths, self._changed, self.on_notice, self.first_port)
        self.sources = Sources(self.files, self.paths.sources)

    async def run(self) -> None:
        """Until `stop` is called; then everything that was started is ended.

        Raises:
            AlreadyUp: another Fairway runs on the same folder.
            ManifestError: a manifest file is wrong. Later on that is only reported.
            EnvoyMissing: there is no Envoy.
        """
        self._lock.take()
        self._apply_sources(strict=True)
        await self.platform.start()
        try:
            await self._first_pass()
            await self.platform.open_router()
            await self._serve()
        finally:
            await self.platform.close(stop=True)
            self._lock.release()

    def stop(self) -> None:
        """Ask `run` to end. Safe to call from a signal handler of the loop."""
        self._stopping.set()
        self._wake.set()

    async def _first_pass(self) -> None:
        """Decide for every model before Envoy hears of any, so that it never hears of only some."""
        refs = self.store.refs()
        for ref in self.platform.orphans(set(refs)):
            await self.platform.remove(ref)
        for ref in refs:
            await self._tick(ref)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        watcher = asyncio.create_task(self._watch_files())
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                await self.platform.refresh_endpoints()
                for ref in sorted({*self.store.refs(), *self._turns}):
                    if (
                        self._turns.setdefault(ref, _Turn()).due <= loop.time()
                        and not self._stopping.is_set()
                    ):
                        await self._tick(ref)
                await self._sleep()
        finally:
            watcher.cancel()

    async def _sleep(self) -> None:
        due = min((turn.due for turn in self._turns.values()), default=None)
        wait = None if due is None else max(0.0, due - asyncio.get_running_loop().time())
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            return

    async def _tick(self, ref: Ref) -> None:
        turn = self._turns.setdefault(ref, _Turn())
        try:
            wait = await tick(ref, self.store, self.platform, datetime.now(UTC))  # noqa: TID251  the shell's clock
            turn.failures = 0
        except Conflict:
            wait = timedelta(0)
        except (FairwayError, OSError) as error:
            turn.failures += 1
            wait = min(MAX_BACKOFF, timedelta(seconds=0.5) * 2 ** min(turn.failures, 8))
            log.exception("a tick failed", model=str(ref))
            self.on_notice(
                ref, Notice("TickFailed", f"{error}; again in {wait.total_seconds():.0f} s", Severity.WARNING)
            )
        turn.due = asyncio.get_running_loop().time() + wait.total_seconds()
        if self.store.get(ref) is None:
            self._turns.pop(ref, None)

    def _changed(self) -> None:
        """Something happened out there: everybody looks again."""
        for turn in self._turns.values():
            turn.due = 0.0
        self._wake.set()

    async def _watch_files(self) -> None:
        seen = self.store.fingerprint()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                self._apply_sources(strict=False)
                now = self.store.fingerprint()
            except (FairwayError, OSError):
                log.exception("cannot look for changes")
                continue
            if now != seen:
                seen = now
                self._changed()

    def _apply_sources(self, *, strict: bool) -> None:
        change = self.sources.poll()
        if change is None:
            return
        if change.error is not None:
            if strict:
                raise change.error
            self.on_notice(None, Notice("ManifestInvalid", str(change.error), Severity.WARNING))
            return
        for md in change.deployments:
            _, is_new = self.store.put(md)
            ref = Ref(md.metadata.namespace, md.metadata.name)
            if is_new:
                self.on_notice(ref, Notice("Applied", f"spec applied from {md.spec.model.uri}"))
        self.sources.applied()
