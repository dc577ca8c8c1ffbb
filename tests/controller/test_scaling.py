"""Who says how many servers a revision has, on a real API server with the real autoscaler's controller."""

from __future__ import annotations

from typing import Any

from controller.proxy import FaultProxy
from controller.world import QUICK, World, look_at_everything, manifest

HPAS, BUDGETS = "horizontalpodautoscalers", "poddisruptionbudgets"


def scaled(letter: str = "a", **scaling: Any) -> dict[str, Any]:
    found = manifest(letter)
    found["spec"]["scaling"] = scaling
    return found


async def replicas(world: World, revision: str) -> int:
    deployment = await world.get("deployments", revision)
    assert deployment is not None
    return int(deployment["spec"]["replicas"])


async def until_replicas(world: World, revision: str, count: int) -> None:
    await world.until_object("deployments", revision, lambda found: found["spec"]["replicas"] == count)


async def rescale(world: World, **scaling: Any) -> None:
    await world.change("modeldeployments", "fraud", {"spec": {"scaling": scaling}})


async def test_a_fixed_number_is_brought_about_and_guarded_only_where_one_may_go(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", scaled(min=3))
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
        await until_replicas(world, stable, 3)
        budget = await world.until_there(BUDGETS, stable)
        assert budget["spec"]["maxUnavailable"] == 1
        await rescale(world, min=1)
        await until_replicas(world, stable, 1)
        await world.until_gone(BUDGETS, stable)
    assert await world.names(HPAS) == set()


async def test_somebody_elses_number_is_put_right(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", scaled(min=2))
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
        await world.change("deployments", stable, {"spec": {"replicas": 5}})
        await until_replicas(world, stable, 2)


async def test_a_switch_to_an_autoscaler_and_back_takes_no_server_away(
    world: World, proxy: FaultProxy
) -> None:
    """An applied number that is given up would fall back to 1 for the moment until somebody else says one."""
    await world.create("modeldeployments", scaled(min=3))
    async with world.operator(proxy) as app:
        stable = (await world.until_live("a"))["stable"]
        await until_replicas(world, stable, 3)
        generation = (await world.get("deployments", stable) or {})["metadata"]["generation"]
        await rescale(world, min=2, max=6)
        autoscaler = await world.until_there(HPAS, stable)
        await look_at_everything(app)
        unchanged = await world.get("deployments", stable)
        assert unchanged is not None
        assert unchanged["spec"]["replicas"] == 3
        assert unchanged["metadata"]["generation"] == generation, "it never was anything else meanwhile"
        bounds = autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]
        assert bounds == (2, 6)
        await world.change("deployments", stable, {"spec": {"replicas": 5}})  # as an autoscaler does
        await look_at_everything(app)
        assert await replicas(world, stable) == 5
        await rescale(world, min=4, max=None)
        await until_replicas(world, stable, 4)
        await world.until_gone(HPAS, stable)


async def test_the_autoscalers_own_controller_takes_the_lower_bound(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", scaled(min=2, max=4, target=70))
    async with world.operator(proxy):
        stable = (await world.until_live("a", seconds=60))["stable"]
        await until_replicas(world, stable, 2)
        autoscaler = await world.until_there(HPAS, stable)
    (metric,) = autoscaler["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 70


async def test_a_candidate_has_all_its_servers_before_all_the_traffic_and_stable_keeps_its_own(
    world: World, proxy: FaultProxy
) -> None:
    long_bake = QUICK | {"bake": {"duration": "60s"}}
    await world.create("modeldeployments", scaled(min=4))
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
        await until_replicas(world, stable, 4)
        second = scaled("b", min=4)["spec"] | {"rollout": long_bake}
        await world.change("modeldeployments", "fraud", {"spec": second})
        status = await world.until_status(lambda s: s.get("phase") == "Baking", "all traffic is on b")
        candidate = await world.get("deployments", status["candidate"])
        assert candidate is not None
        assert candidate["status"]["readyReplicas"] == 4
        assert await replicas(world, stable) == 4
        assert status["rollout"]["stableReplicas"] == 4
