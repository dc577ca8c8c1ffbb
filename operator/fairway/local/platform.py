"""The laptop as a platform: servers are processes, the router is one Envoy, Fairway itself is its agent."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine

import structlog

from fairway.adapters.artifacts import FileArtifacts
from fairway.adapters.atomic import write_atomically
from fairway.adapters.envoy_process import EnvoyOptions, command, find_envoy
from fairway.adapters.envoy_stats import active_requests, read_sample
from fairway.adapters.errors import TelemetryError
from fairway.adapters.process_server import BACKOFF_SECONDS, Death
from fairway.adapters.processes import ProcessSupervisor
from fairway.adapters.xds.resources import Endpoint, ModelConfig
from fairway.adapters.xds.server import AdsServer
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import (
    Capabilities,
    Decision,
    Needs,
    Notice,
    Observed,
    Severity,
    Workload,
    WorkloadHealth,
)
from fairway.core.route import Route, Sample
from fairway.driver.ports import Ref
from fairway.local.capabilities import CAPABILITIES, HOST
from fairway.local.drain import drain
from fairway.local.paths import LocalPaths
from fairway.local.ports import FIRST_PORT, free_port
from fairway.render.envoy import cluster_name
from fairway.render.envoy_bootstrap import bootstrap
from fairway.render.process import process_of
from fairway.render.protocols import Place, ProcessSpec
from fairway.render.registry import ROUTERS

log = structlog.get_logger()

ENVOY = "envoy"
ROUTER_OWNER = "fairway/router"
TELEMETRY_TIMEOUT_SECONDS = 2.0
SETTLE_SECONDS = 3.0
DRAIN_SECONDS = 1
"""How long clients are asked to go before no new ones are taken."""


class LocalPlatform:
    """Implements `driver.ports.Platform` on one machine.

    Until `open_router` is called, decisions about routes are collected and nothing is told to Envoy: an
    agent that knows only some of the models would make it drop the others.
    """

    def __init__(
        self,
        paths: LocalPaths,
        on_change: Callable[[], None],
        on_notice: Callable[[Ref | None, Notice], None],
        first_port: int = FIRST_PORT,
    ) -> None:
        self._paths = paths
        self._on_change = on_change
        self._on_notice = on_notice
        self._first_port = first_port
        self._artifacts = FileArtifacts(paths.models, on_change)
        self._servers = ProcessSupervisor(paths.run, paths.logs, self._servers_changed, self._server_ended)
        self._agent = AdsServer(paths.agent_socket, paths.router / "snapshot.json", on_change)
        self._routes: dict[Ref, tuple[Route, ModelConfig]] = {}
        self._ports: dict[Ref, int] = {}
        self._unknown: set[Ref] = set()
        self._last_words: dict[str, str] = {}
        self._request_seconds = 0.0
        self._open = False
        self._hurry = asyncio.Event()
        self._endpoints_stale = True

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def router_health(self) -> WorkloadHealth:
        return self._servers.health(ENVOY)

    def find_router(self) -> None:
        """Look for the Envoy to route with.

        Raises:
            EnvoyMissing: there is none.
        """
        self._envoy = find_envoy()

    async def start(self, keep: set[str] | None) -> None:
        """Watch what an earlier run left, and hear how it is. Nothing is served or changed yet.

        Args:
            keep: digests of the model copies that may still be asked for; None when that is not known.
        """
        if keep is not None:
            self._artifacts.tidy(keep)
        await self._servers.start()
        await self._servers.settle(SETTLE_SECONDS)

    async def open_router(self) -> None:
        """Tell Envoy everything that was decided so far, and start it if it does not run already."""
        await self._publish_endpoints()
        await self._agent.set(self._configs())
        await self._agent.start()
        self._open = True
        config = self._paths.router / "bootstrap.json"
        content = bootstrap(
            node_id=ENVOY,
            node_cluster="fairway-local",
            agent_socket=self._paths.agent_socket,
            admin_socket=self._paths.admin_socket,
        )
        write_atomically(config, json.dumps(content, indent=1))
        argv = command(self._envoy, EnvoyOptions(config=config, concurrency=1, drain_seconds=2))
        termination = self._paths.run / ENVOY / "termination.json"
        self._servers.ensure(ProcessSpec(ENVOY, tuple(argv), termination), ROUTER_OWNER)

    async def close(self) -> None:
        """End every server, the router first, once the requests that are under way have their answers."""
        if self._servers.health(ENVOY).ready:
            await self._unless_hurried(
                drain(self._paths.admin_socket, DRAIN_SECONDS, self._request_seconds + DRAIN_SECONDS)
            )
        self._servers.stop(ENVOY)
        await self._servers.stopped(ENVOY)
        await self._servers.stop_all()
        await self._agent.stop()
        await self._servers.close()
        await self._artifacts.close()

    def hurry(self) -> None:
        """Nobody waits for anything any more."""
        self._hurry.set()
        self._servers.hurry()

    async def _unless_hurried(self, work: Coroutine[None, None, None]) -> None:
        tasks = [asyncio.create_task(work), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def is_unknown(self, ref: Ref) -> bool:
        """Whether a model's content could not be read when it was last looked at."""
        return ref in self._unknown

    async def observe(self, md: ModelDeployment, ask: Needs) -> Observed:
        ref = Ref(md.metadata.namespace, md.metadata.name)
        if md.status.port is not None:
            self._ports[ref] = md.status.port
        clusters = self._clusters(ref, ask.revisions)
        route = self._agent.state(str(ref))
        artifact = await self._artifacts.look(ask.artifact, ask.pin)
        (self._unknown.add if artifact.sha256 is None else self._unknown.discard)(ref)
        return Observed(
            artifact=artifact,
            workloads={name: self._servers.health(name) for name in ask.revisions},
            route=route,
            sample=await self._sample(clusters) if ask.sample else None,
            active=await self._active(clusters) if ask.active else None,
            free_port=free_port(set(self._ports.values()), self._first_port) if ask.free_port else None,
        )

    async def apply(self, md: ModelDeployment, decision: Decision) -> None:
        ref = Ref(md.metadata.namespace, md.metadata.name)
        if md.status.port is not None:
            self._ports[ref] = md.status.port
        for workload in decision.workloads:
            self._servers.ensure(self._process(workload), str(ref))
        if decision.route is None:
            return
        self._request_seconds = max(self._request_seconds, decision.route.request_timeout_seconds)
        known = self._routes.get(ref)
        if known is None or known[0] != decision.route:
            rendered = ROUTERS[md.spec.traffic.router.type].render(decision.route, HOST)
            self._routes[ref] = (decision.route, ModelConfig(decision.route, rendered))
            self._endpoints_stale = True
        if self._open:
            await self._publish_endpoints()
            await self._agent.set(self._configs())

    async def prune(self, ref: Ref, keep: frozenset[str]) -> None:
        for name in self._servers.of(str(ref)) - keep:
            log.info("stopping a server that nothing needs any more", server=name)
            self._servers.stop(name)

    async def remove(self, ref: Ref) -> None:
        self._ports.pop(ref, None)
        self._unknown.discard(ref)
        if self._routes.pop(ref, None) is not None and self._open:
            await self._agent.set(self._configs())
        await self.prune(ref, frozenset())

    async def refresh_endpoints(self) -> None:
        """Tell Envoy where servers listen now."""
        if self._open:
            await self._publish_endpoints()

    def orphans(self, known: set[Ref]) -> set[Ref]:
        """Owners of servers left by an earlier run whose models are gone."""
        names = {owner for owner in self._servers.owners() if owner != ROUTER_OWNER} - {
            str(ref) for ref in known
        }
        return {_ref(owner) for owner in names if "/" in owner}

    def announce(self, md: ModelDeployment, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            self._on_notice(Ref(md.metadata.namespace, md.metadata.name), notice)

    def _servers_changed(self) -> None:
        self._endpoints_stale = True
        self._on_change()

    def _server_ended(self, death: Death) -> None:
        """Tell people; one that ends as it ended before and is tried rarely is news only once."""
        rare = death.again_in_seconds >= BACKOFF_SECONDS[-1]
        if rare and self._last_words.get(death.name) == death.words:
            return
        self._last_words[death.name] = death.words
        words = f"{death.name}: {death.words}; it starts again in {death.again_in_seconds:g} s"
        if death.owner == ROUTER_OWNER:
            self._on_notice(None, Notice("RouterEnded", words, Severity.WARNING))
        else:
            self._on_notice(_ref(death.owner), Notice("ServerEnded", words, Severity.WARNING))

    def _process(self, workload: Workload) -> ProcessSpec:
        folder = self._servers.run_folder(workload.revision.name)
        place = Place(
            model=self._artifacts.path(workload.revision.sha256),
            address=folder / "address.json",
            termination=folder / "termination.json",
            python=sys.executable,
        )
        return process_of(workload, place)

    def _configs(self) -> dict[str, ModelConfig]:
        return {str(ref): config for ref, (_, config) in self._routes.items()}

    async def _publish_endpoints(self) -> None:
        if not self._endpoints_stale:
            return
        self._endpoints_stale = False
        found: dict[str, tuple[Endpoint, ...]] = {}
        for ref, (route, _) in self._routes.items():
            # Of all that run, in the new route or not: until Envoy has taken it, the old one is in force.
            for revision in self._servers.running(str(ref)) | {b.revision for b in route.backends}:
                address = self._servers.address(revision)
                found[cluster_name(route, revision)] = (Endpoint(*address),) if address else ()
        await self._agent.set_endpoints(found)

    def _clusters(self, ref: Ref, revisions: tuple[str, ...]) -> dict[str, str]:
        known = self._routes.get(ref)
        return {cluster_name(known[0], name): name for name in revisions} if known else {}

    async def _sample(self, clusters: dict[str, str]) -> Sample | None:
        try:
            return await read_sample(self._paths.admin_socket, clusters, TELEMETRY_TIMEOUT_SECONDS)
        except TelemetryError as error:
            log.warning("counters cannot be read", error=str(error))
            return None

    async def _active(self, clusters: dict[str, str]) -> dict[str, int] | None:
        try:
            found = await active_requests(self._paths.admin_socket, clusters, TELEMETRY_TIMEOUT_SECONDS)
        except TelemetryError:
            return None
        return {revision: found.get(cluster, 0) for cluster, revision in clusters.items()}


def _ref(owner: str) -> Ref:
    return Ref(*owner.split("/", 1))
