"""Agents and Envoys come and go; users do not notice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from envoy_support import (
    Load,
    World,
    configs,
    endpoints_of,
    eventually,
    free_port,
    get,
    key_of,
    make_route,
    model_servers,
    until,
    world,
)
from fairway.adapters.xds import AdsServer
from fairway.adapters.xds.errors import AgentAlreadyRunning, SocketPathTooLong
from fairway.core.route import RouteState


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


async def answers(port: int) -> bool:
    try:
        return (await get(port)).status == 200
    except OSError:
        return False
