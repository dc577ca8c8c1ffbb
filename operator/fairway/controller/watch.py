"""kopf as the watcher, and as nothing else: it tells what happens, it never writes and remembers nothing.

It runs in a thread with a loop of its own: when it ends it cancels every task of its loop, and it ends when
a watch meets an answer that it does not know. Then it is started again here, in process, within seconds.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import kopf
import structlog
from lightkube.config.kubeconfig import SingleConfig

from fairway.adapters.kube.kinds import Kind, Obj
from fairway.controller.connection import connection_info

log = structlog.get_logger()

Sink = Callable[[Kind, str | None, Obj], None]
"""Told of every event: the kind, ADDED, MODIFIED, DELETED or None (part of a first list), and the object."""


CHECK_SECONDS = 0.5
START_SECONDS = 15.0
END_SECONDS = 2.0
MAX_CANCELS = 60


class Backoff:
    """Waits that grow and never end: kopf gives up on an API server that is away when they do."""

    def __iter__(self) -> Iterator[float]:
        wait = 0.5
        while True:
            yield wait * random.uniform(0.5, 1.5)  # noqa: S311
            wait = min(wait * 2, 30.0)


def watcher_settings(selectors: dict[Kind, str]) -> kopf.OperatorSettings:
    """How kopf is to watch.

    Args:
        selectors: a label selector for the kinds that are not watched whole.
    """
    settings = kopf.OperatorSettings()
    settings.networking.error_backoffs = Backoff()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.enforce_retry_after = False
    settings.watching.server_timeout = 290  # an integer: the API server refuses "290.0"
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 5
    settings.watching.inactivity_timeout = 70
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    settings.watching.initial_streaming = False
    for kind, selector in selectors.items():
        settings.watching.label_selectors[_selects(kind)] = selector
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 1  # a handler only hands over
    settings.queueing.error_delays = (1, 1, 2, 3, 5, 8, 13, 21, 30)
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = None  # it would kill the process from within its thread
    return settings


def _selects(kind: Kind) -> Callable[[Any], bool]:
    return lambda resource: bool(resource.group == kind.group and resource.plural == kind.plural)


class Watcher:
    """Watches kinds of objects until it is closed."""

    def __init__(
        self,
        config: SingleConfig,
        kinds: dict[Kind, str],
        namespaces: Iterable[str],
        sink: Sink,
        on_restart: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            config: where the API server is.
            kinds: what to watch, each with a label selector ("" for all).
            namespaces: where; all when there are none.
            sink: called in the loop that `start` was called in.
            on_restart: called there whenever the watches start anew.
        """
        self._config = config
        self._kinds = kinds
        self._namespaces = tuple(namespaces)
        self._sink = sink
        self._on_restart = on_restart
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._inner: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._outer = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._supervise()), name="watch", daemon=True
        )
        self._thread.start()

    def restart(self) -> None:
        """Start all watches anew; for when they seem deaf."""
        if self._inner is not None:
            loop, stop = self._inner
            loop.call_soon_threadsafe(stop.set)

    async def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        self.restart()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closing.is_set():
            stop = asyncio.Event()
            self._inner = (loop, stop)
            error = await self._run_once(stop)
            if not self._closing.is_set():
                log.warning("the watches ended, all are started anew", error=repr(error))
                self._tell(self._on_restart)
                await asyncio.to_thread(self._closing.wait, random.uniform(1.0, 5.0))  # noqa: S311

    async def _run_once(self, stop: asyncio.Event) -> BaseException | None:
        """Watch until it ends, is told to end, or has lost a watch; return when nothing of it is left."""
        before = asyncio.all_tasks()
        run = asyncio.create_task(self._watch(stop))
        clock = asyncio.get_running_loop().time
        whole, deadline = False, clock() + START_SECONDS
        while not (run.done() or stop.is_set() or self._closing.is_set()):
            await asyncio.wait({run}, timeout=CHECK_SECONDS)
            is_whole = self._is_whole()
            if not is_whole and (whole or clock() > deadline):
                break
            whole = whole or is_whole
        stop.set()
        await asyncio.wait({run}, timeout=END_SECONDS)
        # kopf can hang while it ends: a part of it takes one cancellation for another and goes on.
        for _ in range(MAX_CANCELS):
            left = asyncio.all_tasks() - before
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=CHECK_SECONDS)
        return run.exception() if run.done() and not run.cancelled() else None

    def _is_whole(self) -> bool:
        """Whether kopf has all of its watches; one may have died, or there was no such kind when it began."""
        wanted = len(self._kinds) * max(1, len(self._namespaces))
        names = (task.get_name() for task in asyncio.all_tasks())
        return sum(name.startswith("watcher for ") for name in names) >= wanted

    async def _watch(self, stop: asyncio.Event) -> None:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.ConnectionInfo:
            return connection_info(self._config)

        for kind in self._kinds:
            self._register(registry, kind)
        await kopf.operator(
            registry=registry,
            settings=watcher_settings({kind: text for kind, text in self._kinds.items() if text}),
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
            # Else kopf asks for the name of the user, and in a pod the user has none.
            identity="fairway",  # type: ignore[arg-type]
        )

    def _register(self, registry: Any, kind: Kind) -> None:
        @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"saw-{kind.plural}")
        async def saw(event: Any, **_: Any) -> None:
            obj = {**event["object"], "apiVersion": kind.api_version, "kind": kind.name}
            self._tell(self._sink, kind, event["type"], obj)

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        if not self._outer.is_closed():
            self._outer.call_soon_threadsafe(function, *arguments)
