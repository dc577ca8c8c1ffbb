"""A router pod without a cluster's nodes: its two real processes, started as the rendered Deployment says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from envoy_support import HOST, ModelServer, eventually, free_port, until
from fairway.adapters.envoy_process import find_envoy
from fairway.adapters.xds import Endpoint
from fairway.render.kube.router import RUN_DIR, RouterSettings, router_objects

DRAIN_SECONDS = 5


def own_address() -> str | None:
    """An address of this machine that is not loopback: no API server takes a loopback one in a slice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks the routing table
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


class PodServer(ModelServer):
    """A model server at an address that an EndpointSlice may carry."""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, own_address(), 0)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(own_address() or HOST, self.port)


@contextlib.asynccontextmanager
async def pod_servers(*names: str) -> AsyncIterator[dict[str, PodServer]]:
    servers = {name: PodServer() for name in names}
    for server in servers.values():
        await server.start()
    try:
        yield servers
    finally:
        for server in servers.values():
            await server.stop()


@dataclass
class RouterPod:
    """The processes `agent` and `envoy`; either can be killed and started while the other stays."""

    namespace: str
    api_url: str
    token_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fw")))
    port: int = field(default_factory=free_port)
    agent: asyncio.subprocess.Process | None = None
    envoy: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        await self.start_agent()
        await self.start_envoy()

    async def start_agent(self) -> None:
        self.agent = await self._run([sys.executable, "-m", "fairway.agent", "serve"])

    async def start_envoy(self) -> None:
        """As in the Deployment, but with the folder of this test."""
        *_, deployment = router_objects("any", RouterSettings(image="any", replicas=1, workers=1), [])
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert container["name"] == "envoy"
        argv = [
            one.replace(str(RUN_DIR), str(self.folder)).replace("$(FAIRWAY_POD)", "router-1")
            for one in container["args"]
        ]
        self.envoy = await self._run([str(find_envoy()), *argv])

    async def kill(self, name: str) -> None:
        process = getattr(self, name)
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def terminate(self) -> int:
        """What the kubelet does to a pod: the hook, SIGTERM where there is none, SIGTERM after the hook."""
        assert self.agent is not None
        assert self.envoy is not None
        hook = await self._run([sys.executable, "-m", "fairway.agent", "drain"])
        self.agent.send_signal(signal.SIGTERM)
        await hook.wait()
        self.envoy.send_signal(signal.SIGTERM)
        await self.envoy.wait()
        return await self.agent.wait()

    async def close(self) -> None:
        await self.kill("agent")
        await self.kill("envoy")
        shutil.rmtree(self.folder)

    async def ask(self, path: str) -> tuple[int, str]:
        """Status and text; 0 while nobody answers."""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                answer = await session.get(f"http://{HOST}:{self.port}{path}")
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def state(self, query: str = "") -> dict[str, Any]:
        status, text = await self.ask(f"/state{query}")
        assert status == 200, text
        return dict(json.loads(text))

    async def model(self, name: str, query: str = "") -> dict[str, Any]:
        found = (await self.state(query))["models"].get(f"{self.namespace}/{name}")
        return found or {"programmed": None, "rejected": None}

    async def is_ready(self) -> bool:
        return (await self.ask("/readyz"))[0] == 200

    async def ready(self) -> None:
        try:
            await until(self.is_ready, why="ready", within=20)
        except AssertionError as error:
            said = (await self.ask("/readyz"))[1]
            raise AssertionError(f"{error}: {said}; log: {self.log[-2000:]}") from None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def logged(self, words: str) -> None:
        await eventually(lambda: words in self.log, why=f"{words} in the log", within=20)

    async def _run(self, argv: list[str]) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            "FAIRWAY_NAMESPACE": self.namespace,
            "FAIRWAY_POD": "router-1",
            "FAIRWAY_RUN_DIR": str(self.folder),
            "FAIRWAY_API_URL": self.api_url,
            "FAIRWAY_TOKEN_DIR": str(self.token_dir),
            "FAIRWAY_HOST": HOST,
            "FAIRWAY_PORT": str(self.port),
            "FAIRWAY_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "FAIRWAY_SETTLE_SECONDS": "0.5",
            **self.environment,
        }
        with (self.folder / "log").open("a") as log:
            return await asyncio.create_subprocess_exec(*argv, env=environment, stdout=log, stderr=log)
