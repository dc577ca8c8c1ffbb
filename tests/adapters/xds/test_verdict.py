"""What the agent says of a route: in force at every Envoy, or refused, and in which words."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from envoy_support import (
    HOST,
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
from fairway.adapters.xds import ModelConfig
from fairway.core.route import Route, RouteState
from fairway.render.envoy import READY_PATH, EnvoyModel, render_model, route_version


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
