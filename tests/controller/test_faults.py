"""What an operator does on a real API server when things go wrong: it gets there all the same."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from controller.proxy import Call, FaultProxy, Lost, once_each, refusal, until
from controller.world import World, manifest, ticks


@pytest.mark.parametrize("code", [409, 422, 500, 403, Lost], ids=["409", "422", "500", "403", "lost"])
async def test_one_failure_of_each_write_holds_up_nothing(
    world: World, proxy: FaultProxy, code: int | type[Lost]
) -> None:
    """`lost` is done by the API server, but nobody hears of it."""
    await world.create("modeldeployments", manifest("a"))
    proxy.fault = once_each(code)
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
    tried = [call.what for call in proxy.writes]
    assert {"PUT modeldeployments/status", "PATCH deployments", "PATCH configmaps"} <= set(tried)
    if code is not Lost:  # what was done all the same need not be tried again
        assert all(tried.count(what) >= 2 for what in set(tried))
    assert await world.names("deployments") == {stable, "fairway-router"}


async def test_a_write_that_nobody_answers_holds_up_nothing(world: World, proxy: FaultProxy) -> None:
    hung: list[Call] = []

    async def hang_once(call: Call) -> None:
        if call.is_write and not hung:
            hung.append(call)
            await asyncio.Event().wait()

    await world.create("modeldeployments", manifest("a"))
    proxy.delay = hang_once
    async with world.operator(proxy):
        await world.until_live("a")
    assert hung


async def test_an_operator_that_is_killed_after_every_write_still_gets_there(world: World) -> None:
    """Each life does one write that the API server keeps, then nothing of it gets through any more."""
    await world.create("modeldeployments", manifest("a"))
    done: list[str] = []
    lives = 0
    while not await is_live(world):
        lives += 1
        assert lives < 40, done
        async with world.proxy() as proxy:

            def kill(call: Call, proxy: FaultProxy = proxy) -> None:
                if call.is_write:
                    done.append(call.what)
                    proxy.dead = True

            proxy.after_write = kill
            async with world.operator(proxy, workers=1) as app:
                await until(lambda: proxy.dead or ticks(app) > 20, "the operator writes or rests")
    status = await world.status()
    assert len(done) > 10
    assert await world.names("deployments") == {status["stable"], "fairway-router"}
    applies = [what for what in done if what.startswith("PATCH")]
    assert len(applies) == len(set(applies)) + 2, "each object is made once: two kinds have two objects"


async def is_live(world: World) -> bool:
    conditions = (await world.status()).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.mark.parametrize("code", [410, 500, 404, 403])
async def test_a_watch_that_is_refused_is_there_again_soon(
    world: World, proxy: FaultProxy, code: int
) -> None:
    """A change is seen by the watch, not only by the next full list."""
    refused: list[Call] = []

    def refuse_watch(call: Call) -> web.Response | None:
        if call.watch and "modeldeployments" in call.path and len(refused) < 1:
            refused.append(call)
            return refusal(code)
        return None

    proxy.fault = refuse_watch
    async with world.operator(proxy) as app:
        await until(lambda: bool(refused), "the watch is refused")
        await until(lambda: watches(proxy, "modeldeployments") > 1, "there is another watch", seconds=40)
        app.mirror._period = 3600
        await world.create("modeldeployments", manifest("a"))
        await world.until_live("a")


async def test_a_watch_that_says_nothing_is_found_out(world: World, proxy: FaultProxy) -> None:
    """The connection stays open and no event comes: a full list notices, and the watches start anew."""
    proxy.silent = lambda call: "modeldeployments" in call.path
    async with world.operator(proxy, resync_seconds=1.0) as app:
        await until(lambda: watches(proxy, "modeldeployments") > 0, "there is a watch")
        await world.create("modeldeployments", manifest("a"))
        await until(lambda: watches(proxy, "modeldeployments") > 1, "there is another watch")
        proxy.silent = lambda _call: False
        await world.until_live("a")
        assert app.metrics.registry.get_sample_value("fairway_operator_watch_restarts_total")


def watches(proxy: FaultProxy, kind: str) -> int:
    return sum(call.watch and call.path.endswith(kind) for call in proxy.calls)


async def test_an_api_server_that_is_away_is_waited_for(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy) as app:
        await until(lambda: ticks(app) > 0, "it has begun")
        proxy.dead = True
        await asyncio.sleep(1.0)  # long enough for writes and the lease to fail
        proxy.dead = False
        await world.until_live("a")
