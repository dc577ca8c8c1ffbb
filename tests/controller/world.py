"""A namespace of a real API server, with stand-ins for what has no place there: kubelets and routers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from e2e.cluster.rest import Answer
from e2e.cluster.session import session_of

from controller.proxy import FaultProxy, fault_proxy, until
from fairway.controller.app import OperatorApp
from fairway.controller.connection import load_connection
from fairway.controller.settings import Settings

MODELS = "/apis/fairway.dev/v1alpha1/namespaces/{}/modeldeployments"
QUICK = {
    "steps": [{"weight": 50, "minDuration": "100ms", "maxDuration": "1s"}],
    "analysis": {"interval": "100ms"},
    "bake": {"duration": "200ms"},
}
Json = dict[str, Any]


def manifest(letter: str = "a", name: str = "fraud", **metadata: Any) -> Json:
    """A ModelDeployment whose content is this letter's digest."""
    return {
        "apiVersion": "fairway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "model": {"uri": f"https://models/{letter}.onnx", "format": "onnx", "sha256": letter * 64},
            "engine": {"type": "OnnxRuntime"},
            "rollout": QUICK,
        },
    }


@dataclass
class World:
    """One namespace.

    Attributes:
        sick: names of revisions whose pods never get ready.
        mute: the routers answer nobody.
        routes_nothing: the routers say that they have no route.
        busy: between two readings of the counters every revision that has a share answers so many requests.
        scheduled: a real scheduler runs: a pod without a node does not get ready.
        broken: contents (letters) whose servers answer with nothing but errors.
    """

    session: aiohttp.ClientSession
    kubeconfig: Path
    folder: Path
    namespace: str
    sick: set[str] = field(default_factory=set)
    mute: bool = False
    routes_nothing: bool = False
    busy: int = 0
    broken: set[str] = field(default_factory=set)
    scheduled: bool = False
    router_port: int = 0
    _counters: dict[str, Json] = field(default_factory=dict)

    # What a user does and sees.

    async def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind, "Accept": "application/json"}
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            return Answer(answer.status, await answer.json())

    def path(self, kind: str, name: str = "") -> str:
        group = {"deployments": "/apis/apps/v1", "modeldeployments": "/apis/fairway.dev/v1alpha1"}
        group["controllerrevisions"] = group["deployments"]
        group |= dict.fromkeys(("roles", "rolebindings"), "/apis/rbac.authorization.k8s.io/v1")
        group |= {"leases": "/apis/coordination.k8s.io/v1", "poddisruptionbudgets": "/apis/policy/v1"}
        group["horizontalpodautoscalers"] = "/apis/autoscaling/v2"
        base = f"{group.get(kind, '/api/v1')}/namespaces/{self.namespace}/{kind}"
        return f"{base}/{name}" if name else base

    async def create(self, kind: str, body: Json) -> Json:
        answer = await self.ask("POST", self.path(kind), body)
        assert answer.status == 201, answer.body
        return dict(answer.body)

    async def change(self, kind: str, name: str, body: Json) -> Json:
        patch = "application/merge-patch+json"
        answer = await self.ask("PATCH", self.path(kind, name), body, patch)
        assert answer.status == 200, answer.body
        return dict(answer.body)

    async def delete(self, kind: str, name: str) -> None:
        assert (await self.ask("DELETE", self.path(kind, name))).status in {200, 202}

    async def get(self, kind: str, name: str) -> Json | None:
        answer = await self.ask("GET", self.path(kind, name))
        return dict(answer.body) if answer.status == 200 else None

    async def list(self, kind: str) -> list[Json]:
        return list((await self.ask("GET", self.path(kind))).body["items"])

    async def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in await self.list(kind)}

    async def status(self, name: str = "fraud") -> Json:
        md = await self.get("modeldeployments", name)
        return dict((md or {}).get("status") or {})

    async def until_status(
        self, wanted: Callable[[Json], bool], what: str, seconds: float = 40.0, name: str = "fraud"
    ) -> Json:
        """Wait until the status of a model is as wanted."""
        status: Json = {}
        try:
            async with asyncio.timeout(seconds):
                while not wanted(status):
                    await asyncio.sleep(0.05)
                    status = await self.status(name)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s: {what}; status: {status}") from None
        return status

    async def until_live(self, letter: str = "a", seconds: float = 40.0) -> Json:
        """Wait until this content has all the traffic."""

        def live(status: Json) -> bool:
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
            known = {r["name"]: r["sha256"] for r in status.get("revisions", ())}
            return ready and known.get(status.get("stable", "")) == letter * 64

        return await self.until_status(live, f"content {letter} is live", seconds)

    async def until_gone(self, kind: str, name: str, seconds: float = 40.0) -> None:
        """Wait until there is no such object."""
        try:
            async with asyncio.timeout(seconds):
                while await self.get(kind, name) is not None:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{kind} {name} is still there after {seconds:g} s") from None

    async def until_there(self, kind: str, name: str) -> Json:
        """Wait until there is such an object."""
        return await self.until_object(kind, name, lambda _found: True)

    async def until_object(
        self, kind: str, name: str, wanted: Callable[[Json], bool], seconds: float = 40.0
    ) -> Json:
        """Wait until an object is as wanted."""
        found: Json | None = None
        try:
            async with asyncio.timeout(seconds):
                while found is None or not wanted(found):
                    await asyncio.sleep(0.05)
                    found = await self.get(kind, name)
        except TimeoutError:
            raise AssertionError(f"{kind} {name} is not as wanted after {seconds:g} s: {found}") from None
        return found

    # What is not there.

    async def kubelet(self) -> None:
        """Makes pods ready, and leaves those of sick revisions and all resolvers as they are."""
        while True:
            with suppress(KeyError, aiohttp.ClientError):
                for pod in await self.list("pods"):
                    labels = pod["metadata"].get("labels", {})
                    is_left = labels.get("fairway.dev/revision") in self.sick
                    is_left |= labels.get("fairway.dev/component") == "resolver"
                    placed = "nodeName" in pod["spec"] or not self.scheduled
                    if placed and not is_left and "podIP" not in pod["status"]:
                        await self.change_status(pod["metadata"]["name"])
            await asyncio.sleep(0.05)

    async def change_status(self, pod: str) -> None:
        conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Ready")]
        status = {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": conditions,
        }
        await self.ask(
            "PATCH", f"{self.path('pods', pod)}/status", {"status": status}, "application/merge-patch+json"
        )

    async def agent(self, request: web.Request) -> web.Response:
        """A router that takes every route at once; users ask it between two readings of its counters."""
        if self.mute:
            return web.Response(status=503)
        models = {}
        for found in await self.list("configmaps"):
            if "route.json" in found.get("data", {}) and not self.routes_nothing:
                content = json.loads(found["data"]["route.json"])
                if "counters" in request.query:
                    await self._users_ask(content["route"])
                models[content["key"]] = {
                    "programmed": content["route"],
                    "rejected": None,
                    "revisions": {name: self._counted(name) for name in content["clusters"].values()},
                }
        return web.json_response({"source": "router/1", "models": models})

    async def _users_ask(self, route: Json) -> None:
        for backend in route["backends"]:
            if self.busy and backend["weight"]:
                counted = self._counted(backend["revision"])
                counted["requests"] += self.busy
                if await self._content_of(backend["revision"]) in self.broken:
                    counted["failures"] += self.busy

    def _counted(self, revision: str) -> Json:
        return self._counters.setdefault(revision, {"requests": 0, "failures": 0, "active": 0})

    async def _content_of(self, revision: str) -> str:
        """The letter of a revision."""
        known = {r["name"]: r["sha256"][0] for r in (await self.status()).get("revisions", ())}
        return str(known.get(revision, ""))

    # The operator.

    def settings(self, kubeconfig: Path, **changes: Any) -> Settings:
        chosen: Json = {
            "namespaces": (self.namespace,),
            "kubeconfig": str(kubeconfig),
            "server_image": "registry.example/fairway-onnx@sha256:1",
            "router_image": "registry.example/fairway-router@sha256:2",
            "fetch_image": "registry.example/fairway-operator@sha256:3",
            "router_replicas": 1,
            "lease_namespace": self.namespace,
            "http_host": "127.0.0.1",
            "http_port": 0,
            "identity": "operator",
        }
        return Settings(**(chosen | changes))

    @asynccontextmanager
    async def proxy(self) -> AsyncIterator[FaultProxy]:
        async with fault_proxy(self.kubeconfig, self.folder) as proxy:
            yield proxy

    @asynccontextmanager
    async def operator(self, proxy: FaultProxy, **changes: Any) -> AsyncIterator[OperatorApp]:
        """An operator that asks through this proxy."""
        settings = self.settings(proxy.kubeconfig, **changes)
        app = OperatorApp(settings, load_connection(settings.kubeconfig), self.router_port)
        task = asyncio.create_task(app.run())
        try:
            yield app
        finally:
            app.stop()
            with suppress(asyncio.CancelledError):
                await task


async def look_at_everything(app: OperatorApp) -> None:
    """List everything and look at every model once more; return when all is quiet."""
    await app.mirror.sync()
    before = ticks(app)
    for key in app._everything():
        app._add(key)
    await until(lambda: ticks(app) > before and app.metrics.depth() == 0, "everything is looked at")


def ticks(app: OperatorApp) -> float:
    """How many looks ended so far."""
    value = app.metrics.registry.get_sample_value("fairway_operator_tick_seconds_count", {"result": "ok"})
    return value or 0.0


@asynccontextmanager
async def a_world(kubeconfig: Path, folder: Path) -> AsyncIterator[World]:
    """A namespace of its own, where pods get ready and routers obey."""
    namespace = f"t{uuid.uuid4().hex[:8]}"
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}  # else the API server makes no pod
    async with session_of(kubeconfig, signed=True) as session:
        found = World(session, kubeconfig, folder, namespace)
        body = {"metadata": {"name": namespace, "labels": strict}}
        assert (await found.ask("POST", "/api/v1/namespaces", body)).status == 201
        site = web.Application()
        site.router.add_get("/state", found.agent)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.router_port = runner.addresses[0][1]
        kubelet = asyncio.create_task(found.kubelet())
        try:
            yield found
        finally:
            kubelet.cancel()
            with suppress(asyncio.CancelledError):
                await kubelet
            await runner.cleanup()
            await found.ask("DELETE", f"/api/v1/namespaces/{namespace}")
