"""The two processes of a router pod on a real API server: what they promise to users and to the operator."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.rest import Api

from agent.cluster_side import ClusterSide
from agent.router_pod import RouterPod, own_address, pod_servers
from envoy_support import Load, free_port, get, until
from fairway.core.route import Route
from fairway.render.route_json import to_json

pytestmark = pytest.mark.skipif(own_address() is None, reason="this machine has no address but loopback")


@pytest.fixture
def side(server: Apiserver) -> Iterator[ClusterSide]:
    with contextlib.closing(Api.of(server.kubeconfig("admin"))) as api:
        yield ClusterSide.make(api)


@pytest.fixture
async def pod(server: Apiserver, side: ClusterSide, tmp_path: Path) -> AsyncIterator[RouterPod]:
    found = RouterPod(side.namespace, server.server, side.token_dir(tmp_path / "token", server))
    try:
        yield found
    finally:
        await found.close()


async def in_force(pod: RouterPod, route: Route, within: float = 10.0) -> None:
    async def is_it() -> bool:
        return bool((await pod.model(route.name))["programmed"] == to_json(route))

    await until(is_it, why=f"{route} is in force; log: {pod.log[-1500:]}", within=within)


async def test_a_change_is_in_force_and_reported_within_a_second(pod: RouterPod, side: ClusterSide) -> None:
    """A rollback is only as fast as this."""
    async with pod_servers("v1", "v2") as servers:
        for name, one in servers.items():
            side.serve(name, one.endpoint)
        port = free_port()
        side.want(side.route(port))
        await pod.start()
        await pod.ready()
        for weight in (10, 100, 500, 1000):
            route = side.route(port, {"v2": weight, "v1": 1000 - weight})
            await asyncio.to_thread(side.want, route)
            await in_force(pod, route, within=1.0)
        assert (await get(port)).revision == "v2"


async def test_endpoints_follow_the_slices(pod: RouterPod, side: ClusterSide) -> None:
    """Pods come, get ready, begin to end and are gone; requests go where they are answered."""
    async with pod_servers("v1", "v2") as servers:
        one, two = servers["v1"], servers["v2"]
        port = free_port()
        side.want(side.route(port))
        side.serve("v1", one.endpoint, ready=False)
        await pod.start()
        await pod.ready()
        assert (await get(port)).status == 503, "a server that is not ready gets nothing"
        side.serve("v1", one.endpoint)
        await until(lambda: _answers(port, 200), why="the server is ready")
        side.serve("v1", two.endpoint, slice_name="v1-second")
        await until(lambda: _asks(port, two.seen), why="a second slice of the same Service counts too")
        side.serve("v1", one.endpoint, ready=True, terminating=True)
        await until(lambda: _rests(port, one.seen), why="a server that ends gets nothing new")
        side.serve("v1", slice_name="v1-second")
        side.unserve("v1")
        await until(lambda: _answers(port, 503), why="nobody is left")


async def test_a_revision_gets_requests_only_once_somebody_answers_them(
    pod: RouterPod, side: ClusterSide
) -> None:
    """The operator may know of a ready pod before its EndpointSlice is written."""
    async with pod_servers("v1", "v2") as servers:
        side.serve("v1", servers["v1"].endpoint)
        port = free_port()
        before, after = side.route(port), side.route(port, {"v2": 1000})
        side.want(before)
        await pod.start()
        await pod.ready()
        async with Load(port, clients=2) as load:
            side.want(after)
            await pod.logged("routes wait for the first server")
            assert (await pod.model("fraud"))["programmed"] == to_json(before)
            await load.more(50)
            side.serve("v2", servers["v2"].endpoint)
            await in_force(pod, after)
            await load.more(50)
        assert load.failed == {}
        assert load.broken == []


async def test_users_do_not_notice_that_the_api_is_away(
    pod: RouterPod, side: ClusterSide, server: Apiserver
) -> None:
    """Minutes without a control plane are normal; what was decided meanwhile is in force right after."""
    async with pod_servers("v1", "v2") as servers:
        for name, one in servers.items():
            side.serve(name, one.endpoint)
        port = free_port()
        side.want(side.route(port))
        await pod.start()
        await pod.ready()
        async with Load(port, clients=2) as load:
            server.stop("kube-apiserver")
            await pod.logged("the API will be asked again")
            await load.more(200)
            assert await pod.is_ready()
            await asyncio.to_thread(server.restart, "kube-apiserver")
            side.api.close()
            after = side.route(port, {"v2": 1000})
            side.want(after)
            await in_force(pod, after, within=20.0)
            await load.more(200)
        assert load.failed == {}
        assert load.broken == []


async def test_a_router_that_starts_while_the_api_is_away_serves_what_it_served(
    pod: RouterPod, side: ClusterSide
) -> None:
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        route = side.route(free_port())
        side.want(route)
        await pod.start()
        await pod.ready()
        source = (await pod.state())["source"]
        await pod.kill("agent")
        await pod.kill("envoy")
        pod.api_url = f"https://127.0.0.1:{free_port()}"
        await pod.start()
        await pod.ready()
        state = await pod.state("?counters=1")
        assert (await get(route.port)).revision == "v1"
        assert state["models"][f"{side.namespace}/fraud"]["programmed"] == to_json(route)
        assert state["source"] != source, "another Envoy counts from zero"


async def test_nothing_is_told_before_everything_is_known(pod: RouterPod) -> None:
    """An Envoy that was told of no models would drop those it has."""
    pod.api_url = f"https://127.0.0.1:{free_port()}"
    pod.environment["FAIRWAY_PATIENCE_SECONDS"] = "0.1"
    await pod.start()
    await pod.logged("the API is away")
    await until(lambda: _is(pod, "/healthz", 200), why="the agent answers")
    assert not (pod.folder / "ads.sock").exists()
    assert not await pod.is_ready()
    assert (await pod.state())["models"] == {}


async def test_a_router_without_models_is_ready(pod: RouterPod) -> None:
    """It must come up before the first model does."""
    await pod.start()
    await pod.ready()
    assert (await pod.state())["models"] == {}


@pytest.mark.parametrize("change", ["nothing", "weights", "clusters"])
async def test_a_restart_of_the_agent_under_load_fails_no_request(
    pod: RouterPod, side: ClusterSide, change: str
) -> None:
    """Whatever was decided while it was away."""
    async with pod_servers("v1", "v2", "v3") as servers:
        for name, one in servers.items():
            side.serve(name, one.endpoint)
        port = free_port()
        before = side.route(port, {"v2": 100, "v1": 900})
        after = {
            "nothing": before,
            "weights": side.route(port, {"v2": 600, "v1": 400}),
            "clusters": side.route(port, {"v3": 1000}),
        }[change]
        side.want(before)
        await pod.start()
        await pod.ready()
        async with Load(port, clients=2) as load:
            await load.more(100)
            await pod.kill("agent")
            side.want(after)
            await load.more(100)
            await pod.start_agent()
            await until(pod.is_ready, why="ready again")
            await in_force(pod, after)
            await load.more(100)
        assert load.failed == {}
        assert load.broken == []


async def test_a_malformed_route_is_reported_and_changes_nothing(pod: RouterPod, side: ClusterSide) -> None:
    """Neither for its model nor for the others, nor after a restart of the agent."""
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        route, other = side.route(free_port()), side.route(free_port(), name="other")
        side.want(route)
        side.want(other)
        await pod.start()
        await pod.ready()
        side.spoil("fraud", '{"key": ')
        await until(lambda: _is_rejected(pod, "fraud"), why="it is reported")
        await pod.kill("agent")
        await pod.start_agent()
        await until(lambda: _is_rejected(pod, "fraud"), why="it is reported again")
        other = side.route(other.port, {"v1": 999, "v2": 1}, name="other")
        side.want(other)
        await in_force(pod, other)
        found = await pod.model("fraud")
        assert found["programmed"] == to_json(route)
        assert "fraud-route is malformed" in found["rejected"]
        assert (await get(route.port)).status == 200
        side.want(route)
        await until(lambda: _is_accepted(pod, "fraud"), why="once it can be read all is well")


async def test_a_route_that_envoy_refuses_is_reported_in_its_words(pod: RouterPod, side: ClusterSide) -> None:
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        first = side.route(free_port())
        side.want(first)
        await pod.start()
        await pod.ready()
        side.want(side.route(first.port, name="second"))
        await until(lambda: _is_rejected(pod, "second"), why="two models on one port are one too many")
        assert "address" in (await pod.model("second"))["rejected"]
        assert await pod.is_ready(), "the others are served"
        side.forget("second")
        await until(lambda: _is_unknown(pod, "second"), why="it is gone")
        assert (await get(first.port)).status == 200


async def test_the_counters_are_what_the_users_counted(pod: RouterPod, side: ClusterSide) -> None:
    """The verdict on a revision rests on them."""
    async with pod_servers("v1", "v2") as servers:
        for name, one in servers.items():
            side.serve(name, one.endpoint)
        route = side.route(free_port(), {"v2": 300, "v1": 700})
        side.want(route)
        await pod.start()
        await pod.ready()
        async with Load(route.port, clients=2) as load:
            await load.more(500)
        failed = [(await get(route.port, "/status/500")).revision for _ in range(20)]
        asked = {name: load.answers[200, name] + failed.count(name) for name in servers}
        revisions = (await pod.model("fraud", "?counters=1"))["revisions"]
        assert revisions == {
            name: {"requests": asked[name], "failures": failed.count(name), "active": 0} for name in servers
        }
        status, text = await pod.ask("/metrics")
        assert status == 200
        assert "envoy_cluster_upstream_rq_completed" in text


async def test_a_pod_that_is_deleted_fails_no_request(pod: RouterPod, side: ClusterSide) -> None:
    """Clients are told to go, new ones are served for as long as they come, and then everything ends."""
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        route = side.route(free_port())
        side.want(route)
        await pod.start()
        await pod.ready()
        async with Load(route.port, clients=2) as load:
            await load.more(100)
            going = asyncio.create_task(pod.terminate())
            await until(lambda: _is(pod, "/readyz", 503), why="it is taken out of the Service")
            await load.more(20)
            assert not going.done()
        code = await going
        assert code == 0
        assert load.failed == {}
        assert load.broken == []


async def test_an_agent_that_is_restarted_alone_leaves_its_envoy_as_it_is(
    pod: RouterPod, side: ClusterSide
) -> None:
    """SIGTERM comes with a failed probe too; a router must not be drained because of that."""
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        route = side.route(free_port())
        side.want(route)
        pod.environment["FAIRWAY_LINGER_SECONDS"] = "0.2"
        await pod.start()
        await pod.ready()
        assert pod.agent is not None
        pod.agent.send_signal(signal.SIGTERM)
        assert await pod.agent.wait() == 0
        answer = await get(route.port)
        assert (answer.status, answer.headers.get("connection")) == (200, None)
        await pod.start_agent()
        await pod.ready()


async def test_an_envoy_that_comes_back_is_told_everything(pod: RouterPod, side: ClusterSide) -> None:
    async with pod_servers("v1") as servers:
        side.serve("v1", servers["v1"].endpoint)
        route = side.route(free_port())
        side.want(route)
        await pod.start()
        await pod.ready()
        source = (await pod.state())["source"]
        await pod.kill("envoy")
        await until(lambda: _is(pod, "/readyz", 503), why="a router without its Envoy is none")
        await pod.start_envoy()
        await pod.ready()
        assert (await get(route.port)).status == 200
        assert (await pod.state())["source"] != source


async def test_a_token_that_is_replaced_is_used(pod: RouterPod, side: ClusterSide) -> None:
    """Tokens live an hour; the agent lives longer."""
    token = pod.token_dir / "token"
    good = token.read_text()
    token.write_text("expired")
    await pod.start()
    await pod.logged("status 401")
    token.write_text(good)
    await pod.ready()


async def test_the_interface_tells_nobody_what_it_is_made_of(pod: RouterPod) -> None:
    await pod.start()
    await pod.ready()
    assert await pod.ask("/nothing") == (404, '{"error": "Not Found"}')
    assert (await pod.ask("/config_dump"))[0] == 404


async def _answers(port: int, status: int) -> bool:
    try:
        return (await get(port)).status == status
    except OSError:
        return False


async def _asks(port: int, seen: dict[str, int]) -> bool:
    before = seen["/"]
    await get(port)
    return seen["/"] > before


async def _rests(port: int, seen: dict[str, int]) -> bool:
    """Whether a server is left alone by twenty requests."""
    before = seen["/"]
    for _ in range(20):
        await get(port)
    return seen["/"] == before


async def _is(pod: RouterPod, path: str, status: int) -> bool:
    return (await pod.ask(path))[0] == status


async def _is_rejected(pod: RouterPod, model: str) -> bool:
    if (await pod.ask("/state"))[0] != 200:
        return False
    return (await pod.model(model))["rejected"] is not None


async def _is_accepted(pod: RouterPod, model: str) -> bool:
    found: dict[str, Any] = await pod.model(model)
    return found["rejected"] is None and found["programmed"] is not None


async def _is_unknown(pod: RouterPod, model: str) -> bool:
    return f"{pod.namespace}/{model}" not in (await pod.state())["models"]
