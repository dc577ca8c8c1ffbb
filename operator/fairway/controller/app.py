"""The cluster's shell: the same tick as on a laptop, over the API server and a router in each namespace.

What happens out there only marks objects; ticks read the cache. Every replica keeps its cache warm, and one
writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiohttp import web
from lightkube.config.kubeconfig import SingleConfig

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.errors import KubeError, NotLeader
from fairway.adapters.kube.events import EventRecorder
from fairway.adapters.kube.kinds import DEPLOYMENT, MODEL, POD, Kind, Obj
from fairway.adapters.kube.objects import Objects
from fairway.adapters.kube.routers import RouterReader
from fairway.adapters.kube.store import KubeStore
from fairway.api.errors import FairwayError, ManifestError
from fairway.api.status import Phase
from fairway.api.v1alpha1 import ModelDeployment
from fairway.controller.health import Pulse, Vitals, make_site
from fairway.controller.leader import Leader
from fairway.controller.metrics import Metrics
from fairway.controller.mirror import WATCHED, Mirror
from fairway.controller.platform import Cluster
from fairway.controller.router_unit import ROUTER_LABELS, RouterOf
from fairway.controller.settings import Settings
from fairway.controller.watch import Watcher
from fairway.controller.workers import Workers
from fairway.core.model import Notice, Severity
from fairway.core.reconcile import RESYNC
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref
from fairway.driver.tick import tick
from fairway.render.kube.labels import MODEL as MODEL_LABEL
from fairway.render.kube.router import NAME as ROUTER_NAME

log = structlog.get_logger()

Key = Ref | RouterOf
RETRY_SECONDS = 1.0


class OperatorApp:
    """One operator process."""

    def __init__(self, settings: Settings, config: SingleConfig, router_port: int | None = None) -> None:
        """Put the parts together; nothing is asked of anybody yet.

        Args:
            settings: of the process.
            config: where the API server is.
            router_port: of the routers' agents, where it is not the usual one.
        """
        self.settings = settings
        self.metrics = Metrics()
        self.leader = Leader(settings.lease_namespace, settings.lease_name, settings.identity)
        self.client = KubeClient(config, guard=self.leader.guard, count=self.metrics.count_call)
        self.cache = Cache(self._changed, frozenset(WATCHED))
        self.store = KubeStore(self.client, self.cache)
        self.recorder = EventRecorder(self.client)
        self.reader = RouterReader() if router_port is None else RouterReader(router_port)
        self.cluster = Cluster(
            Objects(self.client, self.cache),
            self.reader,
            settings,
            verify=self.store.verify,
            announce=self._announce,
            wake=self._add,
        )
        self.watcher = Watcher(config, WATCHED, settings.namespaces, self._watched, self._watch_restarted)
        self.mirror = Mirror(
            self.client, self.cache, settings.namespaces, settings.resync_seconds, self.watcher.restart
        )
        self._pulse = Pulse()
        self._workers: Workers[Key] | None = None
        self._stopping = asyncio.Event()
        self.http_port: int | None = None
        self.metrics.phases = self._phases
        self.metrics.depth = lambda: self._workers.queue.depth if self._workers is not None else 0

    async def run(self) -> None:
        """Until `stop` is called; then the lease is given back."""
        self._began = asyncio.get_running_loop().time()
        runner = web.AppRunner(make_site(self.vitals, self.metrics), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self.settings.http_host, self.settings.http_port)
        await site.start()
        self.http_port = runner.addresses[0][1]
        self.watcher.start()
        tasks = [
            asyncio.create_task(part)
            for part in (
                self._pulse.run(),
                self.mirror.run(),
                self.recorder.run(),
                self.leader.run(self.client),
                self._lead(),
                self._stopping.wait(),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end(reversed(tasks))
            await self.watcher.close()
            await runner.cleanup()
            await self.reader.close()
            await self.client.close()

    def stop(self) -> None:
        """Ask `run` to end. Safe to call from a signal handler of the loop."""
        self._stopping.set()

    def vitals(self) -> Vitals:
        """How this process is."""
        now = asyncio.get_running_loop().time()
        age = self.mirror.age(now)
        self.metrics.leads.set(self.leader.leads)
        self.metrics.resync_age.set(age if age is not None else float("nan"))
        return Vitals(
            up=now - self._began,
            resync_age=age,
            resync_period=self.settings.resync_seconds,
            watch_debt=self.cache.oldest_expected(now),
            lag=self._pulse.lag,
            lease_overdue=self.leader.overdue,
            troubles=(self.mirror.trouble, self.leader.trouble),
        )

    async def _lead(self) -> None:
        """Work whenever the lease is ours, and begin with what is true now, not with what the cache says."""
        while True:
            await self.mirror.synced.wait()
            await self.leader.wait_until_leading()
            try:
                await self.mirror.sync()
            except KubeError as error:
                log.warning("the cluster cannot be listed", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._workers = Workers(self._look, self._failed, self.settings.workers)
            for key in self._everything():
                self._workers.add(key)
            work = asyncio.create_task(self._workers.run())
            try:
                await self.leader.wait_until_lost()
            finally:
                self._workers = None
                await _end([work])

    async def _look(self, key: Key) -> timedelta | None:
        with structlog.contextvars.bound_contextvars(object=str(key)):
            if isinstance(key, RouterOf):
                return await self.cluster.routers.look(key)
            return await self._tick(key)

    async def _tick(self, ref: Ref) -> timedelta | None:
        raw = self.cache.get(MODEL, ref.namespace, ref.name)
        if raw is not None and "deletionTimestamp" in raw["metadata"]:
            return RESYNC  # somebody's finalizer holds it; what it owns goes with it and is not made anew
        now = datetime.now(UTC)  # noqa: TID251  the shell's clock
        result = "error"
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            again = await tick(ref, self.store, self.cluster.of(ref), now)
            result = "ok"
        except Conflict:
            result = "conflict"
            raise
        finally:
            self.metrics.tick_seconds.labels(result).observe(clock() - began)
        return again if self.cache.get(MODEL, ref.namespace, ref.name) is not None else None

    def _failed(self, key: Key, error: Exception, wait: float) -> None:
        facts = {"object": str(key), "again_in_seconds": round(wait, 2)}
        if isinstance(error, Conflict | NotLeader):
            log.debug("a look was outdated", error=str(error), **facts)
        elif isinstance(error, FairwayError):
            log.warning("a look failed", error=str(error), **facts)
            self._tell_of(key, error)
        else:
            log.error("a look failed", exc_info=error, **facts)

    def _tell_of(self, key: Key, error: FairwayError) -> None:
        raw = self.cache.get(MODEL, key.namespace, key.name) if isinstance(key, Ref) else None
        if raw is None or not isinstance(key, Ref):
            return
        reason = "SpecNotUnderstood" if isinstance(error, ManifestError) else "TickFailed"
        notice = Notice(reason, str(error), Severity.WARNING)
        self.recorder.post(key, raw["metadata"]["uid"], notice, datetime.now(UTC))  # noqa: TID251

    def _announce(self, md: ModelDeployment, notices: tuple[Notice, ...]) -> None:
        ref = Ref(md.metadata.namespace, md.metadata.name)
        for notice in notices:
            log.info(notice.message, reason=notice.reason, revision=md.status.candidate or md.status.stable)
            self.recorder.post(ref, md.metadata.uid, notice, datetime.now(UTC))  # noqa: TID251

    def _watched(self, kind: Kind, event: str | None, obj: Obj) -> None:
        obj["metadata"].pop("managedFields", None)
        self.cache.watched(kind, event, obj)

    def _watch_restarted(self) -> None:
        self.metrics.watch_restarts.inc()
        self.cache.expect_nothing()

    def _changed(self, kind: Kind, obj: Obj) -> None:
        for key in self._concerned(kind, obj):
            self._add(key)

    def _concerned(self, kind: Kind, obj: Obj) -> list[Key]:
        """Who must look because this object changed."""
        metadata = obj["metadata"]
        namespace, labels = metadata["namespace"], metadata.get("labels") or {}
        if kind == MODEL:
            return [Ref(namespace, metadata["name"])]
        if MODEL_LABEL in labels:
            return [Ref(namespace, labels[MODEL_LABEL])]
        if kind == DEPLOYMENT and metadata["name"] == ROUTER_NAME:
            return [RouterOf(namespace)]
        if kind == POD and labels.items() >= ROUTER_LABELS.items():
            return [Ref(namespace, md["metadata"]["name"]) for md in self.cache.select(MODEL, namespace, {})]
        return []

    def _everything(self) -> list[Key]:
        models = [
            Ref(md["metadata"]["namespace"], md["metadata"]["name"])
            for md in self.cache.select(MODEL, None, {})
        ]
        routers = [
            RouterOf(obj["metadata"]["namespace"])
            for obj in self.cache.select(DEPLOYMENT, None, ROUTER_LABELS)
        ]
        return [*models, *routers]

    def _add(self, key: Key) -> None:
        if self._workers is not None:
            self._workers.add(key)

    def _phases(self) -> list[str]:
        statuses = (md.get("status") or {} for md in self.cache.select(MODEL, None, {}))
        return [status.get("phase", Phase.PENDING.value) for status in statuses]


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End them one after the other; those who wrote last let go of the lease last."""
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError, FairwayError):
            await task
