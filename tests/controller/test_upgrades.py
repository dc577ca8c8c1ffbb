"""A fleet that is not re-rolled: neither a newer operator nor another wish changes the pods that serve."""

from __future__ import annotations

from controller.proxy import FaultProxy
from controller.world import World, look_at_everything, manifest

OTHER = {"server_resources": {"requests": {"cpu": "7", "memory": "7Gi"}}, "image_pull_secrets": ("registry",)}


async def test_an_operator_that_renders_otherwise_leaves_the_pods_of_a_revision_alone(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
        before = await world.get("deployments", stable)
    async with world.operator(proxy, **OTHER) as app:
        await world.until_live("a")
        for _ in range(2):
            await look_at_everything(app)
        after = await world.get("deployments", stable)
    assert before is not None
    assert after is not None
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"]["template"] == before["spec"]["template"]


async def test_the_next_revision_is_made_as_the_newer_operator_makes_it(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        await world.until_live("a")
    async with world.operator(proxy, **OTHER):
        await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
        stable = (await world.until_live("b"))["stable"]
        made = await world.get("deployments", stable)
    assert made is not None
    (server,) = made["spec"]["template"]["spec"]["containers"]
    assert server["resources"] == OTHER["server_resources"]


async def test_a_longer_timeout_restarts_no_pod(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy) as app:
        stable = (await world.until_live("a"))["stable"]
        before = await world.get("deployments", stable)
        await world.change(
            "modeldeployments", "fraud", {"spec": {"traffic": {"timeouts": {"request": "60s"}}}}
        )
        await world.until_status(lambda status: status.get("observedGeneration") == 2, "seen")
        await look_at_everything(app)
        after = await world.get("deployments", stable)
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]


async def test_what_a_revision_was_made_of_goes_with_it(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        first = (await world.until_live("a"))["stable"]
        assert first in await world.names("controllerrevisions")
        await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
        await world.until_live("b")
        await world.until_gone("controllerrevisions", first)
