"""The laptop shell: the same tick as in a cluster, over files, processes and one Envoy.

One task takes the models in turn, so no two ticks ever run at once. Whatever happens outside (a file changed,
a server died, Envoy acknowledged) only wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from fairway.adapters.errors import StoreError
from fairway.adapters.files import FileStore
from fairway.api.errors import FairwayError
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import Notice, Severity
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref
from fairway.driver.tick import tick
from fairway.local.lock import UpLock
from fairway.local.paths import LocalPaths
from fairway.local.platform import LocalPlatform
from fairway.local.ports import FIRST_PORT
from fairway.local.sources import Sources
from fairway.local.troubles import troubles

log = structlog.get_logger()

POLL_SECONDS = 0.2
LOOK_FOR_CONTENT = timedelta(seconds=1)
"""A model file that is missing or half written may be there in a moment."""
LOOK_AT_CONTENT = timedelta(seconds=5)
"""One that is overwritten is told soon."""
MAX_BACKOFF = timedelta(seconds=5)
Listener = Callable[[Ref | None, Notice], None]


@dataclass
class _Turn:
    """When a model is looked at next, and how often in a row that went wrong."""

    due: float = 0.0
    failures: int = 0
    trouble: str = ""
    told: frozenset[str] = frozenset()


@dataclass
class LocalApp:
    """One local Fairway.

    Attributes:
        on_notice: told of everything that a person wants to hear about.
        clock: the time of day; read once a tick.
    """

    paths: LocalPaths
    files: tuple[Path, ...] = ()
    first_port: int = FIRST_PORT
    on_notice: Listener = lambda _ref, _notice: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251  the shell's clock
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
            StoreTooNew: a newer Fairway wrote the folder. Nothing was touched.
            ManifestError: a manifest file is wrong. Later on that is only reported.
            EnvoyMissing: there is no Envoy.
        """
        self._lock.take()
        try:
            self.store.refuse_newer()
            self.platform.find_router()
            self._apply_sources(strict=True)
            # What fails before this line leaves the servers of an earlier run as they are.
            await self.platform.start(self._wanted_copies())
            try:
                await self._first_pass()
                await self.platform.open_router()
                await self._serve()
            finally:
                await self.platform.close()
            self.paths.remove_sockets()
        finally:
            self.paths.remove_sockets(only_if_empty=True)
            self._lock.release()

    def stop(self) -> None:
        """Ask `run` to end; asked twice, it waits for nobody. Safe to call from a handler of the loop."""
        if self._stopping.is_set():
            self.platform.hurry()
        self._stopping.set()
        self._wake.set()

    def _wanted_copies(self) -> set[str] | None:
        """Digests of all content that a model remembers or pins; None when a model cannot be read."""
        try:
            models = [md for ref in self.store.refs() if (md := self.store.get(ref)) is not None]
        except StoreError:
            return None
        remembered = {r.sha256 for md in models for r in md.status.revisions}
        resolved = {md.status.artifact.sha256 for md in models if md.status.artifact is not None}
        return remembered | resolved | {md.spec.model.sha256 or "" for md in models}

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
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):  # wait_for of Python 3.11 may lose a cancellation
                await self._wake.wait()

    async def _tick(self, ref: Ref) -> None:
        turn = self._turns.setdefault(ref, _Turn())
        try:
            wait = await tick(ref, self.store, self.platform, self.clock())
            md = self.store.get(ref)
            gone = md is None
            self._tell_troubles(ref, turn, troubles(md.status) if md is not None else {})
        except Conflict:
            wait, gone = timedelta(0), False
        except Exception as error:  # a fault that concerns one model must not end the others
            log.exception("a tick failed", model=str(ref))
            wait, gone = self._failed(ref, turn, error), False
        else:
            self._went_well(ref, turn)
            wait = min(wait, LOOK_FOR_CONTENT if self.platform.is_unknown(ref) else LOOK_AT_CONTENT)
        turn.due = asyncio.get_running_loop().time() + wait.total_seconds()
        if gone:
            del self._turns[ref]
            self.on_notice(ref, Notice("Deleted", "it is served no longer"))

    def _tell_troubles(self, ref: Ref, turn: _Turn, found: dict[str, Notice]) -> None:
        for reason, notice in found.items():
            if reason not in turn.told:
                self.on_notice(ref, notice)
        turn.told = frozenset(found)

    def _failed(self, ref: Ref, turn: _Turn, error: Exception) -> timedelta:
        """Say what is wrong, once as long as it stays the same, and when it is tried again."""
        turn.failures += 1
        expected = isinstance(error, FairwayError | OSError)
        words = str(error) if expected else f"unexpected {error!r}; {self.paths.log} has more"
        if words != turn.trouble:
            turn.trouble = words
            self.on_notice(ref, Notice("TickFailed", f"{words}; it is tried again", Severity.WARNING))
        return min(MAX_BACKOFF, timedelta(seconds=0.25 * 2.0 ** min(turn.failures, 8)))

    def _went_well(self, ref: Ref, turn: _Turn) -> None:
        turn.failures = 0
        if turn.trouble:
            turn.trouble = ""
            self.on_notice(ref, Notice("TickRecovered", "it goes on"))

    def _changed(self) -> None:
        """Something happened out there: everybody looks again."""
        for turn in self._turns.values():
            turn.due = 0.0
        self._wake.set()

    async def _watch_files(self) -> None:
        seen = self.store.fingerprint()
        trouble = ""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                self._apply_sources(strict=False)
                now, words = self.store.fingerprint(), ""
            except (FairwayError, OSError) as error:
                self.sources.read_again()
                now, words = seen, str(error)
                if words != trouble:
                    log.exception("cannot look for changes")
                    self.on_notice(
                        None, Notice("CannotApply", f"{words}; it is tried again", Severity.WARNING)
                    )
            trouble = words
            if now != seen:
                seen = now
                self._changed()

    def _apply_sources(self, *, strict: bool) -> None:
        """Apply what changed in the files.

        Args:
            strict: at the start. A wrong file is an error then, and what is missing is applied again.
        """
        change = self.sources.poll()
        if change is None:
            return
        if change.error is not None:
            if strict:
                raise change.error
            self.on_notice(None, Notice("ManifestInvalid", f"{change.error}", Severity.WARNING))
            return
        for ref in change.gone:
            words = f"no file names it any more; it is served until `fairway delete {ref.name}`"
            self.on_notice(ref, Notice("ManifestGone", words, Severity.WARNING))
        for md in change.deployments:
            self._apply(md, strict=strict)

    def _apply(self, md: ModelDeployment, *, strict: bool) -> None:
        ref = Ref(md.metadata.namespace, md.metadata.name)
        known = self.store.get(ref) if strict else None
        if self.sources.was_applied(md) and (known is not None or not strict):
            if known is not None and known.spec != md.spec:
                words = "its file is unchanged, and something else was applied since; that is served"
                self.on_notice(ref, Notice("NotApplied", f"{words} (`fairway apply -f` to go back)"))
            return
        _, is_new = self.store.put(md)
        self.sources.applied(md)
        if is_new:
            self.on_notice(ref, Notice("Applied", f"the spec asks for {md.spec.model.uri}"))
