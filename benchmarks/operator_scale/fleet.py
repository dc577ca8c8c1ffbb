"""Many ModelDeployments on a real API server; nodes and their pods are KWOK's.

KWOK's pods run nothing, so nobody answers for the routers' agents. One HTTP server here does: it takes every
route as soon as the operator has written it, and says so at `/state` for the router of each namespace. Each
router has one pod, which gets an address of the loopback network; it stays off KWOK's nodes by their taint.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from e2e.cluster.rest import MERGE_PATCH

from fairway.render.kube.labels import COMPONENT
from fairway.render.kube.route_config import ROUTE_COMPONENT, ROUTER_COMPONENT
from fairway.render.kube.router import AGENT_PORT

NAMESPACES = 10
NODES = 10
CREATES_AT_ONCE = 16
TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
MODELS = "/apis/fairway.dev/v1alpha1/modeldeployments"
Json = dict[str, Any]


@dataclass
class Fleet:
    """Users, routers and nodes.

    Attributes:
        session: with the API server, as its administrator.
        ready: names of the models that are ready, with their namespace.
        routes: by namespace and model, what the operator last wrote.
    """

    session: aiohttp.ClientSession
    ready: set[str] = field(default_factory=set)
    routes: dict[str, dict[str, Json]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def furnish(self) -> None:
        """Make namespaces and nodes."""
        for index in range(NAMESPACES):
            await self._post("/api/v1/namespaces", {"metadata": {"name": namespace(index)}})
        for index in range(NODES):
            node = {"metadata": {"name": f"node-{index}"}, "spec": {"taints": [TAINT]}}
            await self._post("/api/v1/nodes", node)

    async def deploy(self, count: int) -> None:
        """What users ask for, all at once."""
        free = asyncio.Semaphore(CREATES_AT_ONCE)

        async def one(index: int) -> None:
            async with free:
                where = namespace(index % NAMESPACES)
                path = f"/apis/fairway.dev/v1alpha1/namespaces/{where}/modeldeployments"
                await self._post(path, model(index))

        await asyncio.gather(*(one(index) for index in range(count)))

    async def until_ready(self, count: int, seconds: float) -> None:
        """Wait until so many models are ready.

        Raises:
            TimeoutError: they are not.
        """
        async with asyncio.timeout(seconds):
            while len(self.ready) < count:
                self.changed.clear()
                await self.changed.wait()

    async def follow_models(self) -> None:
        """Until cancelled."""
        async for _, obj in self._watch(MODELS):
            metadata, conditions = obj["metadata"], obj.get("status", {}).get("conditions", ())
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                self.ready.add(f"{metadata['namespace']}/{metadata['name']}")
                self.changed.set()

    async def follow_routes(self) -> None:
        """Until cancelled."""
        async for event, obj in self._watch("/api/v1/configmaps", f"{COMPONENT}={ROUTE_COMPONENT}"):
            content = json.loads(obj["data"]["route.json"])
            known = self.routes.setdefault(obj["metadata"]["namespace"], {})
            known[content["key"]] = content
            if event == "DELETED":
                del known[content["key"]]

    async def follow_routers(self) -> None:
        """Bring the routers' pods up, each on its own address. Until cancelled."""
        async for _, pod in self._watch("/api/v1/pods", f"{COMPONENT}={ROUTER_COMPONENT}"):
            if _is_ready(pod):
                continue
            metadata = pod["metadata"]
            address = router_address(metadata["namespace"])
            conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Ready")]
            status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
            body = json.dumps({"status": {**status, "conditions": conditions}})
            async with self.session.patch(path, data=body, headers={"Content-Type": MERGE_PATCH}) as answer:
                answer.raise_for_status()

    def state(self, where: str) -> Json:
        """What the agent of this namespace's router says: every route is in force, nobody asks anything."""
        zero = {"requests": 0, "failures": 0, "active": 0}
        models = {
            key: {
                "programmed": content["route"],
                "rejected": None,
                "revisions": dict.fromkeys(content["clusters"].values(), zero),
            }
            for key, content in self.routes.get(where, {}).items()
        }
        return {"source": f"{where}/1", "models": models}

    async def _watch(self, path: str, selector: str = "") -> AsyncIterator[tuple[str, Json]]:
        """Everything that is there, then everything that happens."""
        query = {"watch": "true", "labelSelector": selector}
        async with self.session.get(path, params=query) as answer:
            async for line in lines(answer.content):
                event = json.loads(line)
                yield event["type"], event["object"]

    async def _post(self, path: str, body: Json) -> None:
        async with self.session.post(path, json=body) as answer:
            answer.raise_for_status()


@asynccontextmanager
async def follow(fleet: Fleet) -> AsyncIterator[None]:
    """Routers and users, for one `with`."""
    runner = web.AppRunner(_site(fleet), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    for index in range(NAMESPACES):
        await web.TCPSite(runner, router_address(namespace(index)), AGENT_PORT).start()
    follows = (fleet.follow_models(), fleet.follow_routes(), fleet.follow_routers())
    tasks = [asyncio.create_task(one) for one in follows]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await runner.cleanup()


def _site(fleet: Fleet) -> web.Application:
    where = {router_address(namespace(index)): namespace(index) for index in range(NAMESPACES)}

    async def state(request: web.Request) -> web.Response:
        assert request.transport is not None
        address, _ = request.transport.get_extra_info("sockname")
        return web.json_response(fleet.state(where[address]))

    site = web.Application()
    site.router.add_get("/state", state)
    return site


async def lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line


def namespace(index: int) -> str:
    return f"team-{index}"


def router_address(where: str) -> str:
    """Where the only router pod of a namespace is: on the loopback network, one address each."""
    return f"127.0.9.{int(where.removeprefix('team-')) + 1}"


def model(index: int) -> Json:
    """A model whose servers may run on KWOK's nodes."""
    return {
        "apiVersion": "fairway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": f"model-{index}"},
        "spec": {
            "model": {
                "uri": f"https://models.invalid/{index}.onnx",
                "format": "onnx",
                "sha256": f"{index:064x}",
            },
            "engine": {"type": "OnnxRuntime"},
            "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
        },
    }


def _is_ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
