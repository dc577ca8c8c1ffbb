"""The cluster as a platform: servers are Deployments, the router is a namespace's own, its agents report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from fairway.adapters.kube import routers
from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.errors import Denied, Foreign, NoSuchKind
from fairway.adapters.kube.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    FOREIGN_KINDS,
    MODEL,
    POD,
    REVISION_KINDS,
    Kind,
    Obj,
)
from fairway.adapters.kube.objects import Fence, Objects, owned_by
from fairway.adapters.kube.workload_health import read_health
from fairway.api.v1alpha1 import ModelDeployment
from fairway.controller.artifacts import TROUBLE, Artifacts
from fairway.controller.ports import Ports
from fairway.controller.restarts import Restarts
from fairway.controller.router_unit import ROUTER_LABELS, RouterOf, RouterUnit
from fairway.controller.scale import scale
from fairway.controller.settings import Settings
from fairway.core.model import (
    Capabilities,
    Decision,
    Health,
    Needs,
    Notice,
    Observed,
    Workload,
    WorkloadHealth,
)
from fairway.core.route import Route, RouteState
from fairway.driver.ports import Ref
from fairway.render.kube.labels import MODEL as MODEL_LABEL
from fairway.render.kube.labels import REVISION, Manifest, Owner
from fairway.render.kube.route_config import BIND_ADDRESS, SERVICE_PORT, model_service, route_config_map
from fairway.render.kube.workload import frozen, workload_objects
from fairway.render.protocols import Engine
from fairway.render.registry import ENGINES, ROUTERS

log = structlog.get_logger()

OBJECT_REFUSED = "ObjectRefused"
"""The reason where the API server does not take what a revision is made of, or it is somebody else's."""

Announce = Callable[[ModelDeployment, tuple[Notice, ...]], None]


@dataclass
class _Memory:
    """What one process keeps about one model. All of it is found out again after a restart."""

    programmed: Route | None = None
    troubles: dict[str, str] = field(default_factory=dict)
    """Why an object could not be written: by revision, "" for the route, `TROUBLE` for the resolver."""


class Cluster:
    """Makes the `driver.ports.Platform` of each model."""

    def __init__(
        self,
        objects: Objects,
        reader: routers.RouterReader,
        settings: Settings,
        verify: Callable[[ModelDeployment], Awaitable[None]],
        announce: Announce,
        wake: Callable[[RouterOf], None],
    ) -> None:
        """Prepare.

        Args:
            objects: reads the cache, writes to the API server.
            reader: asks the routers.
            settings: of the process.
            verify: raises Conflict unless this is the newest version of the resource.
            announce: tells people.
            wake: called with a router that must be looked at.
        """
        self.objects = objects
        self.cache: Cache = objects.cache
        self.reader = reader
        self.settings = settings
        self.verify = verify
        self.announce = announce
        self.wake = wake
        self.routers = RouterUnit(objects, objects.cache, settings.router())
        self.ports = Ports(objects.cache, settings.first_port)
        self.restarts = Restarts()
        self.artifacts = Artifacts(objects, settings.server())
        self._memories: dict[Ref, _Memory] = {}

    def of(self, ref: Ref) -> ModelPlatform:
        """The platform of one model, for one tick."""
        return ModelPlatform(self, ref, self._memories.setdefault(ref, _Memory()))

    def forget(self, ref: Ref) -> None:
        """This model is gone."""
        self._memories.pop(ref, None)
        self.ports.release(ref)
        self.restarts.forget(ref)


@dataclass(frozen=True, slots=True)
class ModelPlatform:
    """Implements `driver.ports.Platform` for one model."""

    cluster: Cluster
    ref: Ref
    memory: _Memory

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            host=f"{self.ref.name}.{self.ref.namespace}.svc",
            runtimes={"OnnxRuntime": self.cluster.settings.server_image},
            gpu_runtimes=self.cluster.settings.gpu_images(),
            port=SERVICE_PORT,
        )

    async def observe(self, md: ModelDeployment, ask: Needs) -> Observed:
        ref, key = self.ref, str(self.ref)
        reports = await self._reports(counters=ask.sample or ask.active)
        return Observed(
            artifact=self.cluster.artifacts.look(md, ask, self.memory.troubles.get(TROUBLE)),
            workloads={name: self._health(md, name) for name in ask.revisions},
            route=self._route_state(reports),
            sample=routers.sample(reports, key, ask.revisions) if ask.sample else None,
            active=routers.active(reports, key, ask.revisions) if ask.active else None,
            free_port=self.cluster.ports.reserve(ref) if ask.free_port else None,
        )

    async def apply(self, md: ModelDeployment, decision: Decision) -> None:
        owner, fence = self._owner(md), self._fence(md)
        self.memory.troubles.clear()
        refused = [
            await self._try(TROUBLE, self.cluster.artifacts.follow(md, owner, decision.resolve, fence))
        ]
        refused += [await self._serve(md, owner, workload, fence) for workload in decision.workloads]
        if decision.route is not None:
            if not self.cluster.routers.knows(self.ref.namespace, md.metadata.uid):
                self.cluster.wake(RouterOf(self.ref.namespace))
            refused.append(await self._send(md, owner, decision.route, fence))
        first = next((error for error in refused if error is not None), None)
        if first is not None:
            raise first

    async def prune(self, ref: Ref, keep: frozenset[str]) -> None:
        """Deletes only what is this model's, not in `keep` and in no router's route as it says right now."""
        md = self.cluster.cache.get(MODEL, ref.namespace, ref.name)
        if md is None:
            return
        is_ours = owned_by(md["metadata"]["uid"])
        spare = self._revisions(is_ours) - keep
        if not spare:
            return
        reports = await self._reports(counters=False)
        if None in reports:
            log.info("nothing is deleted while a router does not answer", spare=sorted(spare))
            return
        for name in sorted(spare - routers.routed(reports, str(ref))):
            for kind in self._kinds_of(name):
                if await self.cluster.objects.remove(kind, ref.namespace, name, is_ours):
                    log.info("deleted what nothing needs any more", kind=kind.name, revision=name)

    async def remove(self, ref: Ref) -> None:
        """Nothing is deleted: owner references do that, with the operator or without."""
        self.cluster.forget(ref)
        self.cluster.wake(RouterOf(ref.namespace))

    def announce(self, md: ModelDeployment, notices: tuple[Notice, ...]) -> None:
        self.cluster.announce(md, notices)

    async def _serve(
        self, md: ModelDeployment, owner: Owner, workload: Workload, fence: Fence
    ) -> Denied | None:
        """Bring the servers of a revision about, as they were first rendered."""
        name, is_ours = workload.revision.name, owned_by(md.metadata.uid)
        refusal = ENGINES[workload.revision.engine.type].refusal(owner, workload)
        if refusal is not None:
            self.memory.troubles[name] = refusal
            return None

        def make() -> Manifest:
            return frozen(owner, workload, self.cluster.settings.server())

        async def serve() -> None:
            kept = await self.cluster.objects.keep(
                CONTROLLER_REVISION, owner.namespace, name, make, is_ours, fence
            )
            for obj in workload_objects(workload, kept, workload.capacity.servers):
                await self.cluster.objects.ensure(obj, is_ours, fence)
            await scale(self.cluster.objects, owner, workload, is_ours, fence)

        return await self._try(name, serve())

    async def _send(self, md: ModelDeployment, owner: Owner, route: Route, fence: Fence) -> Denied | None:
        """Bring the route about."""

        async def send() -> None:
            for obj in self._route_objects(md, owner, route):
                await self.cluster.objects.ensure(obj, owned_by(md.metadata.uid), fence)

        return await self._try("", send())

    async def _try(self, revision: str, work: Awaitable[None]) -> Denied | None:
        """Do it; what is refused is remembered for the status, and the others go on."""
        try:
            await work
        except (Foreign, NoSuchKind) as error:
            self.memory.troubles[revision] = str(error)
        except Denied as error:
            self.memory.troubles[revision] = str(error)
            return error
        return None

    async def _reports(self, *, counters: bool) -> routers.Reports:
        pods = self.cluster.cache.select(POD, self.ref.namespace, ROUTER_LABELS)
        return await self.cluster.reader.read(routers.ready_addresses(pods), counters=counters)

    def _route_state(self, reports: routers.Reports) -> RouteState:
        """While routers differ, what they had in common last; see `prune` for what that must not lead to."""
        key = str(self.ref)
        agreed, route = routers.in_force(reports, key)
        if agreed:
            self.memory.programmed = route
        rejected = (
            self.memory.troubles.get("")
            or self.cluster.routers.troubles.get(self.ref.namespace)
            or routers.rejected(reports, key)
        )
        return RouteState(self.memory.programmed if reports else None, rejected)

    def _health(self, md: ModelDeployment, name: str) -> WorkloadHealth:
        trouble, engine = self.memory.troubles.get(name), _engine(md, name)
        made = self._made(md, engine, name)
        deployment = self.cluster.cache.get(DEPLOYMENT, self.ref.namespace, engine.deployment(name))
        owners = (md.metadata.uid, *(obj["metadata"]["uid"] for obj in made))
        if deployment is not None and not any(owned_by(uid)(deployment) for uid in owners):
            words = f"Deployment {engine.deployment(name)} is not this model's"
            return WorkloadHealth(Health.STARTING, trouble or words, reason=OBJECT_REFUSED)
        labels = {MODEL_LABEL: self.ref.name, REVISION: name}
        pods = self.cluster.cache.select(POD, self.ref.namespace, labels)
        health = read_health(deployment, pods, engine.fatal_exit_codes)
        restarts = self.cluster.restarts.count(self.ref, name, pods)
        words = trouble or engine.last_words(made)
        if words and health.health in {Health.ABSENT, Health.STARTING}:
            reason = OBJECT_REFUSED if trouble else health.reason
            return replace(health, health=Health.STARTING, message=words, restarts=restarts, reason=reason)
        return replace(health, restarts=restarts)

    def _made(self, md: ModelDeployment, engine: Engine, name: str) -> list[Obj]:
        """What the engine's objects have become, as far as they are this model's."""
        found = (self.cluster.cache.get(kind, self.ref.namespace, name) for kind in engine.kinds)
        return [obj for obj in found if obj is not None and owned_by(md.metadata.uid)(obj)]

    def _route_objects(self, md: ModelDeployment, owner: Owner, route: Route) -> tuple[Manifest, ...]:
        rendered = ROUTERS[md.spec.traffic.router.type].render(route, BIND_ADDRESS)
        return (
            route_config_map(owner, route, rendered),
            model_service(owner, self.ref.name, route.port),
        )

    def _revisions(self, is_ours: Callable[[Obj], bool]) -> set[str]:
        """Revisions of which the cluster still has something."""
        found = (
            obj
            for kind in REVISION_KINDS
            for obj in self.cluster.cache.select(kind, self.ref.namespace, {MODEL_LABEL: self.ref.name})
        )
        names = (obj["metadata"]["labels"].get(REVISION) for obj in found if is_ours(obj))
        return {name for name in names if name is not None}

    def _kinds_of(self, name: str) -> list[Kind]:
        """What may be there of a revision; of what is not Kubernetes' own, only what is known to be there."""
        known = self.cluster.cache.get
        return [k for k in REVISION_KINDS if k not in FOREIGN_KINDS or known(k, self.ref.namespace, name)]

    def _owner(self, md: ModelDeployment) -> Owner:
        return Owner(md.metadata.namespace, md.metadata.name, md.metadata.uid)

    def _fence(self, md: ModelDeployment) -> Fence:
        """Asks once per tick whether the decision is about the newest version."""
        passed = False

        async def fence() -> None:
            nonlocal passed
            if not passed:
                await self.cluster.verify(md)
                passed = True

        return fence


def _engine(md: ModelDeployment, name: str) -> Engine:
    """Of a revision; of the spec for one that nobody remembers."""
    revision = md.status.revision(name)
    return ENGINES[(revision or md.spec).engine.type]
