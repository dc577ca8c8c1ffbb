"""What the counters of a real Envoy say about a revision: every row was seen to happen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from envoy_support import (
    HOST,
    ModelServer,
    World,
    configs,
    eventually,
    free_port,
    get,
    grpc_server,
    make_route,
    model_servers,
    until,
    world,
)
from fairway.adapters.envoy_admin import get_json
from fairway.adapters.envoy_stats import active_requests, read_sample
from fairway.adapters.errors import TelemetryError
from fairway.adapters.xds import Endpoint
from fairway.core.route import Counts, Route
from fairway.render.envoy import cluster_name


@dataclass(frozen=True)
class Case:
    why: str
    path: str
    status: int
    counts: Counts


CASES = [
    Case("an answer is a request", "/", 200, Counts(1, 0)),
    Case("a redirect is an answer", "/status/302", 302, Counts(1, 0)),
    Case("a bad request is the caller's fault", "/status/422", 422, Counts(0, 0)),
    Case("an error of the model is a failure", "/status/500", 500, Counts(1, 1)),
    Case("an overloaded model is a failure", "/status/503", 503, Counts(1, 1)),
    Case("a model that hangs is a failure", "/hold", 504, Counts(1, 1)),
    Case("a dropped connection is a failure", "/drop", 503, Counts(1, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
async def test_what_is_counted(case: Case) -> None:
    """The verdict on a revision rests on these two numbers."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port(), timeout=0.2)
        await here.serve(route, servers=servers)
        answer = await get(route.port, case.path)
        assert (answer.status, answer.revision) == (case.status, "v1")
        assert await counts(here) == case.counts
        assert servers["v1"].seen[case.path] == 1, "an inference is never run twice"


GRPC_CASES = [
    ("OK", Counts(1, 0)),
    ("UNKNOWN", Counts(1, 1)),
    ("INTERNAL", Counts(1, 1)),
    ("UNAVAILABLE", Counts(1, 1)),
    ("DEADLINE_EXCEEDED", Counts(1, 1)),
    ("INVALID_ARGUMENT", Counts(0, 0)),
    ("NOT_FOUND", Counts(0, 0)),
    ("RESOURCE_EXHAUSTED", Counts(0, 0)),
]


@pytest.mark.parametrize(("status", "expected"), GRPC_CASES, ids=[status for status, _ in GRPC_CASES])
async def test_what_a_grpc_answer_counts(status: str, expected: Counts) -> None:
    """Behind the 200 of every gRPC answer a model may hide all of its failures."""
    async with grpc_server() as server, world() as here:
        route = make_route(free_port())
        await serve_grpc(here, route, server.port)
        async with grpc.aio.insecure_channel(f"{HOST}:{route.port}") as channel:
            assert await ask(channel, status) == status
        assert await counts(here) == expected


async def test_a_grpc_caller_who_gives_up_is_not_counted_and_a_timeout_of_the_router_is() -> None:
    """The router's timeout is the model's fault, the caller's own impatience is not."""
    async with grpc_server() as server, world() as here:
        route = make_route(free_port(), timeout=2.0)
        await serve_grpc(here, route, server.port)
        async with grpc.aio.insecure_channel(f"{HOST}:{route.port}") as channel:
            cluster = cluster_name(route, "v1")
            asking = channel.unary_unary("/any.Service/Echo", bytes, bytes)(b"HOLD")
            await until(lambda: is_busy(here, cluster), why="the server was asked")
            asking.cancel()  # and no deadline, which the server would know of and answer for itself
            await until(lambda: is_idle(here, cluster), why="Envoy noticed")
            assert await counts(here) == Counts(0, 0)
            assert await ask(channel, "HOLD") == "UNAVAILABLE"
            assert await counts(here) == Counts(1, 1)


async def test_grpc_to_a_dead_server_is_one_failure() -> None:
    async with world() as here:
        route = make_route(free_port())
        await serve_grpc(here, route, free_port())
        async with grpc.aio.insecure_channel(f"{HOST}:{route.port}") as channel:
            assert await ask(channel, "OK") == "UNAVAILABLE"
        assert await counts(here) == Counts(1, 1)


async def test_a_refused_connection_is_a_failure_of_the_revision() -> None:
    """A dead server must count against its revision, although no request reached it."""
    async with world() as here:
        route = make_route(free_port())
        await here.serve(route, servers={})
        await here.ads.set_endpoints({cluster_name(route, "v1"): (Endpoint(HOST, free_port()),)})
        await until(lambda: knows_endpoints(here), why="Envoy knows the endpoint")
        assert (await get(route.port)).status == 503
        assert await counts(here) == Counts(1, 1)


async def test_a_revision_without_endpoints_fails_its_requests() -> None:
    async with world() as here:
        route = make_route(free_port())
        await here.serve(route, servers={})
        assert (await get(route.port)).status == 503
        assert await counts(here) == Counts(1, 1)


async def test_a_caller_who_gives_up_is_not_counted() -> None:
    """Nobody knows what the model would have said."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        _, writer = await asyncio.open_connection(HOST, route.port)
        writer.write(b"GET /hold HTTP/1.1\r\nhost: any\r\n\r\n")
        await eventually(lambda: servers["v1"].seen["/hold"] == 1, why="the request arrived")
        name = cluster_name(route, "v1")
        assert await active_requests(here.admin, [name, "unknown"], 2.0) == {name: 1, "unknown": 0}
        writer.close()
        await until(lambda: is_idle(here, name), why="Envoy noticed")
        assert await counts(here) == Counts(0, 0)


async def test_counters_survive_changes_of_weights_and_endpoints() -> None:
    """A verdict adds up what happened over many steps; a counter that restarts would lose the failures."""
    async with model_servers("v2", "v1") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port, {"v2": 1000, "v1": 0}), servers=servers)
        for step in range(1, 11):
            assert (await get(port, "/status/500")).revision == "v2"
            await here.serve(make_route(port, {"v2": step, "v1": 1000 - step}), servers=servers)
            await here.ads.set_endpoints(swapped(servers, step))
            await here.serve(make_route(port, {"v2": 1000, "v1": 0}), servers=servers)
        sample = await read_sample(here.admin, names(), 2.0)
        assert sample.of("v2") == Counts(10, 10)
        assert sample.of("v1") == Counts(0, 0)


async def test_the_source_stays_while_envoy_lives_and_changes_with_the_next() -> None:
    """Counters of a new process start at zero; taken for the old ones they would undo the evidence."""
    async with model_servers("v1") as servers, world() as here:
        await here.serve(make_route(free_port()), servers=servers)
        first, second = [await read_sample(here.admin, names(), 2.0) for _ in range(2)]
        assert first.source == second.source
        await here.stop_envoy()
        await here.start_envoy()
        await until(lambda: has_another_source(here, first.source), why="the new process is another source")


async def test_a_reading_without_envoy_is_a_typed_error() -> None:
    """Broken telemetry is not the same as no traffic."""
    with pytest.raises(TelemetryError):
        await read_sample(Path("/tmp/no-such-envoy"), names(), 1.0)
    with pytest.raises(TelemetryError):
        await active_requests(Path("/tmp/no-such-envoy"), names(), 1.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"stats": 1}',
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        b"",
        None,
    ],
    ids=["no JSON", "wrong JSON", "a list", "an error", "hangs up", "says nothing"],
)
async def test_a_strange_answer_is_a_typed_error(answer: bytes | None) -> None:
    here = World()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await done.wait()
        writer.write(answer or b"")
        writer.close()

    server = await asyncio.start_unix_server(serve, here.admin)
    try:
        with pytest.raises(TelemetryError):
            await read_sample(here.admin, names(), 0.2)
    finally:
        done.set()
        server.close()
        await here.close()


async def counts(here: World) -> Counts:
    return (await read_sample(here.admin, names(), 2.0)).of("v1")


def names() -> dict[str, str]:
    """Cluster name -> revision, of the route that `make_route` makes."""
    route = make_route(1)
    return {cluster_name(route, revision): revision for revision in ("v1", "v2")}


def swapped(servers: dict[str, ModelServer], step: int) -> dict[str, tuple[Endpoint, ...]]:
    """Other endpoints for the same clusters, by turns."""
    route = make_route(1)
    one, two = (servers["v1"], servers["v2"]) if step % 2 else (servers["v2"], servers["v1"])
    return {cluster_name(route, "v1"): (one.endpoint,), cluster_name(route, "v2"): (two.endpoint,)}


async def serve_grpc(here: World, route: Route, port: int) -> None:
    await here.ads.set_endpoints({cluster_name(route, "v1"): (Endpoint(HOST, port),)})
    await here.ads.set(configs(route))
    await here.in_force(route)
    await until(lambda: knows_endpoints(here), why="Envoy knows the endpoint")


async def ask(channel: grpc.aio.Channel, status: str) -> str:
    """The status that comes back from a server that was asked for this one."""
    try:
        await channel.unary_unary("/any.Service/Echo", bytes, bytes)(status.encode())
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def is_idle(here: World, cluster: str) -> bool:
    return (await active_requests(here.admin, [cluster], 2.0))[cluster] == 0


async def is_busy(here: World, cluster: str) -> bool:
    return (await active_requests(here.admin, [cluster], 2.0))[cluster] == 1


async def has_another_source(here: World, source: str) -> bool:
    """Never the old source: a reading either fails or is of the new process."""
    try:
        return (await read_sample(here.admin, names(), 2.0)).source != source
    except TelemetryError:
        return False


async def knows_endpoints(here: World) -> bool:
    answer = await get_json(here.admin, "/clusters", {"format": "json"}, 2.0)
    return all(status.get("host_statuses") for status in answer["cluster_statuses"])
