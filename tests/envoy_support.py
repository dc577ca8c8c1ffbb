"""A real Envoy, its agent, small servers behind it and clients before it. All on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

from fairway.adapters.envoy_process import EnvoyOptions, command, find_envoy
from fairway.adapters.xds import AdsServer, Endpoint, ModelConfig
from fairway.core.route import TOTAL_WEIGHT, Backend, Route
from fairway.render.envoy import cluster_name, render_model
from fairway.render.envoy_bootstrap import bootstrap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

HOST = "127.0.0.1"
DEADLINE = 10.0


_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, another one each time."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def make_route(
    port: int, weights: Mapping[str, int] | None = None, *, name: str = "fraud", timeout: float = 5.0
) -> Route:
    """A route to the revisions in that order; without weights all goes to `v1`."""
    shares = weights or {"v1": TOTAL_WEIGHT}
    backends = tuple(Backend(revision, weight) for revision, weight in shares.items())
    return Route("shop", name, port, backends, request_timeout_seconds=timeout)


async def eventually(condition: Callable[[], bool], *, why: str, within: float = DEADLINE) -> None:
    """Wait until a condition holds."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {within} s: {why}") from None


async def until(condition: Callable[[], Awaitable[bool]], *, why: str, within: float = DEADLINE) -> None:
    """Wait until a question that must be sent somewhere is answered with yes."""
    try:
        async with asyncio.timeout(within):
            while not await condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {within} s: {why}") from None


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def revision(self) -> str | None:
        return self.headers.get("x-fairway-revision")


async def read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """One HTTP/1.1 message with a content-length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", 0)))


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str = "/", host: str = "any.example") -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        start, headers, body = await read_message(reader)
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(start.split()[1]), headers, body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def get(port: int, path: str = "/", host: str = "any.example") -> Answer:
    client = Client(port)
    try:
        return await client.get(path, host)
    finally:
        client.close()


class Load:
    """Keep-alive clients that ask as fast as they are answered, and write down every answer."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self.answers: Counter[tuple[int, str | None]] = Counter()
        self.broken: list[str] = []
        self._port = port
        self._clients = clients
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def total(self) -> int:
        return self.answers.total()

    @property
    def failed(self) -> dict[tuple[int, str | None], int]:
        return {answer: n for answer, n in self.answers.items() if answer[0] != 200}

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def more(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        goal = self.total + count
        await eventually(lambda: self.total >= goal, why=f"{count} more answers")

    async def _run(self) -> None:
        client = Client(self._port)
        while self._going:
            try:
                answer = await client.get()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.broken.append(repr(error))
                client.close()
                continue
            self.answers[answer.status, answer.revision] += 1
        client.close()


class ModelServer:
    """Stands for the server of one revision. The path says how it behaves."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: Counter[str] = Counter()
        self.held = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(HOST, self.port)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.held.set()
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                start, _, _ = await read_message(reader)
                path = start.split()[1]
                self.seen[path] += 1
                if path == "/drop":
                    break
                if path == "/hold":
                    await self.held.wait()
                status = int(path.removeprefix("/status/")) if path.startswith("/status/") else 200
                writer.write(f"HTTP/1.1 {status} Some\r\ncontent-length: 2\r\n\r\nok".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class GrpcServer:
    """Answers with the status that the message of a unary call names; `HOLD` waits for the end."""

    def __init__(self) -> None:
        self.port = 0
        self._over = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(HOST, self.port)

    async def start(self) -> None:
        handler = grpc.unary_unary_rpc_method_handler(self._answer)
        handlers = grpc.method_handlers_generic_handler("any.Service", {"Echo": handler})
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers([handlers])
        self.port = self._server.add_insecure_port(f"{HOST}:0")
        await self._server.start()

    async def stop(self) -> None:
        self._over.set()
        if self._server is not None:
            await self._server.stop(grace=0)

    async def _answer(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        if request == b"HOLD":
            await self._over.wait()
        elif request != b"OK":
            await context.abort(grpc.StatusCode[request.decode()], "as asked")
        return request


@contextlib.asynccontextmanager
async def grpc_server() -> AsyncIterator[GrpcServer]:
    server = GrpcServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def model_servers(*names: str) -> AsyncIterator[dict[str, ModelServer]]:
    servers = {name: ModelServer() for name in names}
    for server in servers.values():
        await server.start()
    try:
        yield servers
    finally:
        for server in servers.values():
            await server.stop()


@dataclass
class World:
    """An agent and an Envoy in a folder of their own; either can be restarted while the other stays."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fw-")))
    agent: AdsServer | None = None
    process: asyncio.subprocess.Process | None = None
    changes: int = 0
    admin_name: str = "admin"
    fail_on_change: bool = False

    @property
    def admin(self) -> Path:
        return self.folder / self.admin_name

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshot.json"

    @property
    def ads(self) -> AdsServer:
        assert self.agent is not None
        return self.agent

    async def start_agent(self) -> AdsServer:
        await self.make_agent().start()
        return self.ads

    def make_agent(self) -> AdsServer:
        self.agent = AdsServer(self.folder / "ads", self.snapshot, self._count_change)
        return self.agent

    async def stop_agent(self) -> None:
        if self.agent is not None:
            await self.agent.stop()
            self.agent = None

    async def start_envoy(self) -> None:
        config = self.folder / f"{self.admin_name}.json"
        static = bootstrap(
            node_id="test", node_cluster="test", agent_socket=self.folder / "ads", admin_socket=self.admin
        )
        config.write_text(json.dumps(static))
        options = EnvoyOptions(config=config, log=self.folder / "envoy.log", drain_seconds=1)
        self.process = await asyncio.create_subprocess_exec(*command(find_envoy(), options))

    async def stop_envoy(self) -> None:
        if self.process is not None:
            self.process.terminate()
            await self.process.wait()
            self.process = None

    async def close(self) -> None:
        await self.stop_envoy()
        await self.stop_agent()
        shutil.rmtree(self.folder)

    async def serve(self, *routes: Route, servers: Mapping[str, ModelServer]) -> None:
        """Want these routes and no others, and wait until they are in force."""
        await self.ads.set_endpoints(endpoints_of(*routes, servers=servers))
        await self.ads.set(configs(*routes))
        for route in routes:
            await self.in_force(route)

    async def in_force(self, route: Route) -> None:
        key = key_of(route)
        await eventually(lambda: self.ads.state(key).programmed == route, why=f"{key}: {self.ads.state(key)}")

    def _count_change(self) -> None:
        self.changes += 1
        if self.fail_on_change:
            raise ValueError("as asked")


def key_of(route: Route) -> str:
    return f"{route.namespace}/{route.name}"


def configs(*routes: Route) -> dict[str, ModelConfig]:
    return {key_of(route): ModelConfig(route, render_model(route)) for route in routes}


def endpoints_of(*routes: Route, servers: Mapping[str, ModelServer]) -> dict[str, tuple[Endpoint, ...]]:
    """Of every server, whether a route names it now or did before: what is in force keeps its endpoints."""
    return {
        cluster_name(route, revision): (server.endpoint,)
        for route in routes
        for revision, server in servers.items()
    }


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    """An agent and an Envoy that is connected to it."""
    here = World()
    try:
        await here.start_agent()
        await here.start_envoy()
        yield here
    finally:
        await here.close()
