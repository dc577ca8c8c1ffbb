"""The agent and a real Envoy: what users see while the world changes."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from envoy_support import (
    HOST,
    Client,
    Load,
    World,
    configs,
    endpoints_of,
    eventually,
    free_port,
    get,
    grpc_server,
    key_of,
    make_route,
    model_servers,
    until,
    world,
)
from fairway.adapters.envoy_admin import get_json
from fairway.adapters.xds import AdsServer, Endpoint, ModelConfig
from fairway.adapters.xds.errors import AgentAlreadyRunning, SocketPathTooLong
from fairway.core.route import Route, RouteState
from fairway.render.envoy import READY_PATH, EnvoyModel, render_model, route_version


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


@pytest.mark.parametrize("change", ["nothing", "weights", "clusters"])
async def test_a_restart_of_the_agent_under_load_fails_no_request(change: str) -> None:
    """Whatever was decided while it was away: Envoy is told what it has before what is new."""
    async with model_servers("v1", "v2", "v3") as servers, world() as here:
        port = free_port()
        before = make_route(port, {"v2": 100, "v1": 900})
        after = {
            "nothing": before,
            "weights": make_route(port, {"v2": 600, "v1": 400}),
            "clusters": make_route(port, {"v3": 1000}),
        }[change]
        await here.serve(before, servers=servers)
        async with Load(port) as load:
            await load.more(200)
            await here.stop_agent()
            await load.more(200)
            await here.start_agent()
            await here.serve(after, servers=servers)
            await load.more(200)
    assert load.failed == {}
    assert load.broken == []


async def test_an_agent_that_dies_in_the_middle_of_a_change_fails_no_request() -> None:
    """Envoy may have taken what was never acknowledged; the next agent must not pull it away."""
    async with model_servers("v1", "v2", "v3") as servers, world() as here:
        port = free_port()
        await here.serve(make_route(port), servers=servers)
        async with Load(port) as load:
            for turn, revision in enumerate(["v2", "v3", "v1"] * 4):
                route = make_route(port, {revision: 1000})
                await here.ads.set(configs(route))
                for _ in range(turn):  # a little further each time
                    await asyncio.sleep(0)
                await here.stop_agent()
                await here.start_agent()
                await here.serve(route, servers=servers)
                await load.more(10)
    assert load.failed == {}
    assert load.broken == []


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


async def test_a_restarted_agent_serves_before_anybody_tells_it_what() -> None:
    """A router must come up while Fairway, or the cluster's API, is away."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        await here.stop_agent()
        await here.stop_envoy()
        await here.start_agent()
        await here.start_envoy()
        await here.in_force(route)
        assert (await get(route.port)).revision == "v1"


async def test_a_restarted_envoy_is_told_everything_again() -> None:
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        await here.stop_envoy()
        await here.start_envoy()
        await until(lambda: answers(route.port), why="it serves again")
        assert here.ads.state(key_of(route)) == RouteState(programmed=route)


async def test_an_agent_without_a_world_keeps_silent() -> None:
    """An Envoy that is told of an empty world drops everything; one that is told nothing waits."""
    async with world() as here:
        assert not (here.folder / "ads").exists()
        await here.ads.set({})
        await eventually(lambda: here.ads.routers == 1, why="Envoy connected")


async def test_a_taken_port_is_reported_in_envoys_words_and_mended_when_it_is_free() -> None:
    """The words go into the status, the other model works, and nobody has to touch the resource."""
    async with model_servers("v1") as servers, world() as here:
        good, unlucky = make_route(free_port(), name="good"), make_route(free_port(), name="unlucky")
        with socket.create_server((HOST, unlucky.port)):
            await here.ads.set_endpoints(endpoints_of(good, unlucky, servers=servers))
            await here.ads.set(configs(good, unlucky))
            await eventually(lambda: here.ads.state("shop/unlucky").rejected is not None, why="a rejection")
            await here.in_force(good)
            state = here.ads.state("shop/unlucky")
            assert state.programmed is None
            assert "Address already in use" in str(state.rejected)
            assert str(unlucky.port) in str(state.rejected)
        await here.in_force(unlucky)
        assert here.ads.state("shop/unlucky").rejected is None
        assert (await get(unlucky.port)).status == 200


async def test_a_rejected_route_leaves_the_old_one_in_force_and_a_good_one_recovers() -> None:
    async with model_servers("v1", "v2") as servers, world() as here:
        port = free_port()
        route = make_route(port)
        await here.serve(route, servers=servers)
        bad = make_route(port, {"v2": 500, "v1": 500})
        rendered = render_model(bad)
        broken = EnvoyModel(rendered.listener, rendered.route_config, rendered.clusters[1:])
        await here.ads.set({"shop/fraud": ModelConfig(bad, broken)})
        await eventually(lambda: here.ads.state("shop/fraud").rejected is not None, why="a rejection")
        state = here.ads.state("shop/fraud")
        assert state.programmed == route
        assert "unknown weighted cluster 'shop/fraud/v2'" in str(state.rejected)
        assert (await get(port)).revision == "v1"
        await here.serve(bad, servers=servers)
        assert here.ads.state("shop/fraud") == RouteState(programmed=bad)


@pytest.mark.parametrize("count", [1, 2])
async def test_clusters_that_envoy_refuses_do_not_hold_up_a_good_model(count: int) -> None:
    """Envoy takes the rest of such a message, and says so in words that name the culprits."""
    async with model_servers("v1") as servers, world() as here:
        good = make_route(free_port(), name="good")
        bad = [make_route(free_port(), name=f"bad{i}") for i in range(count)]
        wanted = configs(good)
        for route in bad:
            rendered = render_model(route)
            clusters = tuple(one | {"lb_policy": "CLUSTER_PROVIDED"} for one in rendered.clusters)
            wanted[key_of(route)] = ModelConfig(route, replace(rendered, clusters=clusters))
        await here.ads.set_endpoints(endpoints_of(good, servers=servers))
        await here.ads.set(wanted)
        await here.in_force(good)
        await eventually(lambda: all(rejection(here, route) for route in bad), why="rejections")
        for route in bad:
            assert f"cluster '{key_of(route)}/v1' did not provide one" in rejection(here, route)
        assert (await get(good.port)).status == 200
        await here.serve(good, *bad, servers=servers)


async def test_a_field_that_the_api_does_not_have_is_a_rejection_of_that_model_alone() -> None:
    async with model_servers("v1") as servers, world() as here:
        good, typo = make_route(free_port(), name="good"), make_route(free_port(), name="typo")
        rendered = render_model(typo)
        broken = EnvoyModel(rendered.listener | {"adress": 1}, rendered.route_config, rendered.clusters)
        await here.ads.set_endpoints(endpoints_of(good, servers=servers))
        await here.ads.set(configs(good) | {"shop/typo": ModelConfig(typo, broken)})
        await here.in_force(good)
        await eventually(lambda: here.ads.state("shop/typo").rejected is not None, why="a rejection")
        assert "adress" in str(here.ads.state("shop/typo").rejected)


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


async def test_programmed_means_acknowledged_by_every_envoy() -> None:
    """Half of the routers with the old weights would be measured as if they had the new ones."""
    async with model_servers("v1", "v2") as servers, world() as here:
        port = free_port()
        before, after = make_shared(port, 100), make_shared(port, 500)
        await here.ads.set_endpoints(endpoints_of(before.route, servers=servers))
        await here.ads.set({"shop/fraud": before})
        await here.in_force(before.route)
        async with second_envoy(here) as second:
            second.send_signal(signal.SIGSTOP)
            try:
                told = here.changes
                await here.ads.set({"shop/fraud": after})
                await until(lambda: serves(port, after.route), why="the first has the new weights")
                assert here.ads.state("shop/fraud") == RouteState(programmed=before.route)
                assert here.changes == told
            finally:
                second.send_signal(signal.SIGCONT)
            await here.in_force(after.route)


async def test_a_rejection_by_one_of_two_envoys_is_a_rejection() -> None:
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        async with second_envoy(here):  # on the same machine it cannot have the same port
            await eventually(lambda: here.ads.state("shop/fraud").rejected is not None, why="a rejection")
            assert here.ads.state("shop/fraud").programmed == route
        await eventually(lambda: here.ads.state("shop/fraud").rejected is None, why="the culprit is gone")
        assert here.ads.state("shop/fraud") == RouteState(programmed=route)


def rejection(here: World, route: Route) -> str:
    return here.ads.state(key_of(route)).rejected or ""


def make_shared(port: int, weight: int) -> ModelConfig:
    """A model whose port two Envoys of one machine may share, as those of two pods would."""
    route = make_route(port, {"v2": weight, "v1": 1000 - weight})
    rendered = render_model(route)
    return ModelConfig(route, replace(rendered, listener=rendered.listener | {"enable_reuse_port": True}))


async def serves(port: int, route: Route) -> bool:
    """Whether a router answers with this route; a stopped one does not answer at all."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            return (await get(port, READY_PATH)).body.decode() == route_version(route)
    return False


@contextlib.asynccontextmanager
async def second_envoy(here: World) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another Envoy at the same agent."""
    second = World(folder=here.folder, admin_name="admin2")
    await second.start_envoy()
    assert second.process is not None
    try:
        await eventually(lambda: here.ads.routers == 2, why="two Envoys are connected")
        yield second.process
    finally:
        await second.stop_envoy()


async def test_a_world_may_be_set_before_the_start() -> None:
    """Endpoints that are known to be stale must not be served, not even for a moment."""
    async with model_servers("v1", "v2") as servers:
        here = World()
        try:
            await here.start_agent()
            await here.start_envoy()
            route = make_route(free_port())
            await here.serve(route, servers={"v1": servers["v2"]})
            await here.stop_agent()
            await here.stop_envoy()
            here.make_agent()
            await here.ads.set_endpoints(endpoints_of(route, servers=servers))
            await here.ads.set(configs(route))
            await here.ads.start()
            await here.start_envoy()
            await here.in_force(route)
            assert (await get(route.port)).status == 200
            assert (servers["v1"].seen.total(), servers["v2"].seen.total()) == (1, 0)
        finally:
            await here.close()


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


async def test_a_second_agent_on_the_same_socket_is_refused() -> None:
    """gRPC itself would take the path away in silence."""
    async with world() as here:
        other = AdsServer(here.folder / "ads", here.snapshot, lambda: None)
        with pytest.raises(AgentAlreadyRunning):
            await other.start()
        await here.stop_agent()
        await other.start()
        await other.stop()


async def test_a_socket_path_that_the_kernel_would_refuse_is_named(tmp_path: Path) -> None:
    agent = AdsServer(tmp_path / ("x" * 100), tmp_path / "s", lambda: None)
    with pytest.raises(SocketPathTooLong, match="100 bytes"):
        await agent.start()


async def test_a_snapshot_that_cannot_be_read_is_like_none() -> None:
    """Better an agent that waits for its first world than one that does not start."""
    async with model_servers("v1") as servers:
        here = World()
        try:
            here.snapshot.write_text("{")
            await here.start_agent()
            await here.start_envoy()
            route = make_route(free_port())
            await here.serve(route, servers=servers)
            assert (await get(route.port)).status == 200
        finally:
            await here.close()


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


async def answers(port: int) -> bool:
    try:
        return (await get(port)).status == 200
    except OSError:
        return False


async def refuses(port: int) -> bool:
    """Whether nobody listens; a connection that is closed at once was still accepted."""
    try:
        await get(port)
    except asyncio.IncompleteReadError:
        return False
    except OSError:
        return True
    return False
