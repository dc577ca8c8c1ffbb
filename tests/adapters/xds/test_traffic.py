"""What users see on a real Envoy while the world behind it changes."""

from __future__ import annotations

import asyncio
import math
import time

import grpc

from envoy_support import (
    HOST,
    Client,
    Load,
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
from fairway.adapters.xds import AdsServer, Endpoint
from fairway.core.route import RouteState
from fairway.render.envoy import route_version


async def test_sixty_changes_of_weight_under_load_fail_no_request() -> None:
    """A rollout is nothing but changes of weight; its users must not notice one."""
    async with model_servers("v2", "v1") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port, {"v2": 0, "v1": 1000}), servers=servers)
        async with Load(port) as load:
            for step in range(1, 61):
                await here.serve(make_route(port, {"v2": step * 16, "v1": 1000 - step * 16}), servers=servers)
                await load.more(10)
    assert load.total > 600
    assert load.failed == {}
    assert load.broken == []


async def test_the_candidate_gets_its_share_of_the_requests() -> None:
    """The share that is programmed is the share that is measured: within four standard deviations."""
    async with model_servers("v2", "v1") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port, {"v2": 50, "v1": 950}), servers=servers)
        async with Load(port) as load:
            await load.more(6000)
    n, share = load.total, 0.05
    tolerance = 4 * math.sqrt(n * share * (1 - share))
    assert abs(load.answers[200, "v2"] - n * share) < tolerance
    assert sum(servers["v2"].seen.values()) == load.answers[200, "v2"]


async def test_replacing_all_clusters_under_load_fails_no_request() -> None:
    """A promotion and the next candidate replace clusters; requests in flight keep their connection."""
    async with model_servers("v1", "v2", "v3") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port), servers=servers)
        async with Load(port) as load:
            for revision in ["v2", "v3", "v1"] * 5:
                await here.serve(make_route(port, {revision: 1000}), servers=servers)
                await load.more(10)
    assert load.failed == {}
    assert load.broken == []


async def test_a_request_in_flight_survives_the_removal_of_its_cluster() -> None:
    """An inference of several seconds must not be cut because its revision has left the route."""
    async with model_servers("v1", "v2") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port), servers=servers)
        slow = asyncio.create_task(get(port, "/hold"))
        await eventually(lambda: servers["v1"].seen["/hold"] == 1, why="the slow request arrived")
        await here.serve(make_route(port, {"v2": 1000}), servers=servers)
        await until(lambda: lacks_cluster(here, "shop/fraud/v1"), why="the cluster is gone")
        servers["v1"].held.set()
        answer = await slow
    assert (answer.status, answer.revision) == (200, "v1")


async def test_one_of_two_dead_endpoints_costs_no_user_an_answer() -> None:
    """A lost pod is set aside by whoever meets it first, and that request goes to the other one."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        both = (servers["v1"].endpoint, Endpoint(HOST, free_port()))
        await here.ads.set_endpoints({"shop/fraud/v1": both})
        async with Load(route.port) as load:
            await load.more(1000)
    assert load.failed == {}


async def test_a_hundred_models_are_served_within_seconds() -> None:
    """A namespace full of models comes up as one batch, not one after the other."""
    async with model_servers("v1") as servers, world() as here:
        routes = [make_route(free_port(), name=f"m{i}") for i in range(100)]
        await here.serve(*routes, servers=servers)
        assert {(await get(route.port)).status for route in routes} == {200}


async def test_grpc_and_rest_share_the_port() -> None:
    """One port per model, whatever protocol its clients speak; a split is the same for both."""
    async with grpc_server() as upstream, world() as here:
        route = make_route(free_port())
        await here.ads.set_endpoints({"shop/fraud/v1": (upstream.endpoint,)})
        await here.ads.set(configs(route))
        await here.in_force(route)
        async with grpc.aio.insecure_channel(f"{HOST}:{route.port}") as channel:
            call = channel.unary_unary("/any.Service/Echo", bytes, bytes)(b"OK")
            assert await call == b"OK"
            assert ("x-fairway-revision", "v1") in tuple(await call.initial_metadata())
        assert (await get(route.port, "/.fairway/ready")).status == 200


async def test_two_models_have_a_port_each_and_go_apart() -> None:
    async with model_servers("v1", "v2") as servers, world() as here:
        one = make_route(free_port(), {"v1": 1000}, name="one")
        two = make_route(free_port(), {"v2": 1000}, name="two")
        await here.serve(one, two, servers=servers)
        assert ((await get(one.port)).revision, (await get(two.port)).revision) == ("v1", "v2")
        async with Load(two.port, clients=2) as load:
            await here.serve(two, servers=servers)
            await load.more(50)
            await eventually(lambda: here.ads.state("shop/one") == RouteState(), why="one is gone")
        assert load.failed == {}
        await until(lambda: refuses(one.port), why="the port is closed")


async def test_a_model_that_comes_back_while_its_listener_drains_is_served() -> None:
    """Deleted and created again within a second, as `kubectl replace --force` does."""
    async with model_servers("v1", "v2") as servers, world() as here:
        port = free_port()
        other = make_route(free_port(), name="other")
        await here.serve(make_route(port), other, servers=servers)
        for revision in ["v2", "v1"] * 3:
            await here.serve(other, servers=servers)
            await here.serve(make_route(port, {revision: 1000}), other, servers=servers)
            assert (await get(port)).revision == revision


async def test_a_new_endpoint_is_used_at_once_and_a_lost_one_no_more() -> None:
    async with model_servers("v1", "v2") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        await here.ads.set_endpoints({"shop/fraud/v1": (servers["v2"].endpoint,)})
        async with Load(route.port) as load:
            await eventually(lambda: servers["v2"].seen["/"] > 0, why="the new endpoint is used")
            seen = servers["v1"].seen["/"]
            await load.more(100)
        assert servers["v1"].seen["/"] <= seen + 4  # what each of the four clients had under way
        assert load.failed == {}


async def test_a_model_without_endpoints_is_programmed_and_answers_503_with_its_revision() -> None:
    """The route stands before the first server does; the header says who should have answered."""
    async with world() as here:
        route = make_route(free_port())
        await here.serve(route, servers={})
        answer = await get(route.port)
        assert (answer.status, answer.revision) == (503, "v1")


async def test_the_data_port_says_which_route_is_in_force() -> None:
    """Envoy's own readiness is 200 even when no route works."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        answer = await get(route.port, "/.fairway/ready", host="whatever:1")
        assert (answer.status, answer.body.decode()) == (200, route_version(route))
        assert servers["v1"].seen == {}


async def test_setting_the_same_world_again_is_cheap_and_silent() -> None:
    """The loop that decides may call this as often as it likes."""
    async with model_servers("v1") as servers, world() as here:
        routes = [make_route(20000 + i, name=f"m{i}") for i in range(50)]
        agent = AdsServer(here.folder / "a2", here.folder / "s2", lambda: None)
        await agent.set(configs(*routes))
        again = configs(*routes)
        start = time.perf_counter()
        await agent.set(again)
        assert time.perf_counter() - start < 0.1
        assert not servers["v1"].seen


async def test_a_listener_that_fails_does_not_stop_the_agent() -> None:
    async with model_servers("v1", "v2") as servers, world() as here:
        here.fail_on_change = True
        port = free_port()
        await here.serve(make_route(port), servers=servers)
        await here.serve(make_route(port, {"v2": 1000}), servers=servers)
        assert here.changes >= 2


async def test_keep_alive_connections_survive_a_change_of_weights() -> None:
    async with model_servers("v1", "v2") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port), servers=servers)
        client = Client(port)
        await client.get()
        await here.serve(make_route(port, {"v2": 1000, "v1": 0}), servers=servers)
        answer = await client.get()
        client.close()
        assert (answer.status, answer.revision, answer.headers.get("connection")) == (200, "v2", None)


async def lacks_cluster(here: World, name: str) -> bool:
    answer = await get_json(here.admin, "/clusters", {"format": "json"}, 2.0)
    return name not in {status["name"] for status in answer["cluster_statuses"]}


async def refuses(port: int) -> bool:
    """Whether nobody listens; a connection that is closed at once was still accepted."""
    try:
        await get(port)
    except asyncio.IncompleteReadError:
        return False
    except OSError:
        return True
    return False
