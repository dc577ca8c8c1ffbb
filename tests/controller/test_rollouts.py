"""What an operator does on a real API server when nothing goes wrong."""

from __future__ import annotations

from controller.proxy import FaultProxy
from controller.world import World, look_at_everything, manifest


async def test_a_first_model_goes_live(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        status = await world.until_live("a")
    assert status["url"] == f"http://fraud.{world.namespace}.svc:80"
    assert await world.names("deployments") == {status["stable"], "fairway-router"}
    assert {status["stable"], "fraud"} <= await world.names("services")


async def test_what_is_settled_causes_no_write(world: World, proxy: FaultProxy) -> None:
    """Neither a look nor a full list nor an operator that starts anew writes when nothing differs."""
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        await world.until_live("a")
    proxy.calls.clear()
    async with world.operator(proxy) as app:
        await world.until_live("a")
        for _ in range(3):
            await look_at_everything(app)
    assert proxy.writes == []


async def test_a_second_revision_replaces_the_first_and_nothing_is_left_of_it(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        first = (await world.until_live("a"))["stable"]
        await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
        second = (await world.until_live("b"))["stable"]
        await world.until_gone("deployments", first)
        await world.until_gone("services", first)
    assert second in await world.names("deployments")
