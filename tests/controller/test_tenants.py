"""Other people's objects, other replicas, and the end of a model, on a real API server."""

from __future__ import annotations

import copy
from dataclasses import astuple
from typing import Any

import pytest

from controller.proxy import FaultProxy, refusal, until
from controller.world import World, look_at_everything, manifest
from fairway.adapters.kube.errors import NotLeader
from fairway.adapters.kube.kinds import MODEL
from fairway.driver.ports import Ref


async def test_only_the_holder_of_the_lease_writes_and_the_next_one_takes_over(world: World) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with (
        world.proxy() as first,
        world.proxy() as second,
        world.operator(first, identity="one") as leader,
    ):
        await until(lambda: leader.leader.leads, "the first one leads")
        async with world.operator(second, identity="two") as follower:
            await world.until_live("a")
            await until(follower.mirror.synced.is_set, "the second one sees the cluster")
            assert second.writes == []
            leader.stop()
            await until(lambda: follower.leader.leads, "the second one leads", seconds=8)
            written = len(first.writes)
            await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
            await world.until_live("b")
    assert len(first.writes) == written
    assert second.writes


async def test_a_replica_that_lost_the_lease_writes_nothing(world: World, proxy: FaultProxy) -> None:
    """Its clock says so by itself, also in the middle of a look: nobody has to tell it."""
    ref = Ref(world.namespace, "fraud")
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy) as app:
        await world.until_live("a")
        proxy.fault = lambda call: refusal(500) if "/leases" in call.path else None
        app.leader._clock = lambda: 1e12
        await until(lambda: app._workers is None, "the work is put down")
        proxy.calls.clear()
        await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
        await until(lambda: pinned(app.cache.get(MODEL, *astuple(ref))) == "b" * 64, "it sees the change")
        with pytest.raises(NotLeader):
            await app._look(ref)
        assert proxy.writes == []


def pinned(md: dict[str, Any] | None) -> str:
    return str(md["spec"]["model"]["sha256"]) if md else ""


async def test_a_foreign_service_in_the_way_is_left_alone_and_reported(
    world: World, proxy: FaultProxy
) -> None:
    service = {
        "metadata": {"name": "fraud"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}},
    }
    before = await world.create("services", service)
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        status = await world.until_status(lambda s: reason(s, "Stalled") == "RouteRejected", "it is reported")
    assert "exists and is not this model's" in message(status, "Stalled")
    after = await world.get("services", "fraud")
    assert after is not None
    assert (after["metadata"]["resourceVersion"], after["spec"]) == (
        before["metadata"]["resourceVersion"],
        before["spec"],
    )


async def test_what_somebody_changes_on_our_objects_is_put_right(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        stable = (await world.until_live("a"))["stable"]
        kept = copy.deepcopy((await world.get("deployments", stable) or {})["spec"]["template"])
        body = {"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "evil"}]}}}}
        path, kind = world.path("deployments", stable), "application/strategic-merge-patch+json"
        assert (await world.ask("PATCH", path, body, kind)).status == 200
        await world.delete("services", stable)
        await world.until_there("services", stable)
        await world.until_object("deployments", stable, lambda found: found["spec"]["template"] == kept)


async def test_a_deleted_model_leaves_nothing_behind(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy) as app:
        stable = (await world.until_live("a"))["stable"]
        await look_at_everything(app)  # it is live before all about it is stored
        proxy.calls.clear()
        await world.delete("modeldeployments", "fraud")
        for kind, name in (
            *(("deployments", stable), ("services", stable), ("services", "fraud")),
            *(("configmaps", "fraud-route"), ("deployments", "fairway-router"), ("roles", "fairway-router")),
        ):
            await world.until_gone(kind, name)
        await look_at_nothing(app)
    assert proxy.writes == [], "owner references do it, with the operator or without"


async def look_at_nothing(app: object) -> None:
    """The models are gone: wait until nobody waits to be looked at."""
    await until(lambda: app.metrics.depth() == 0, "nothing is left to do")  # type: ignore[attr-defined]


async def test_a_router_goes_only_with_the_last_model_of_its_namespace(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    await world.create("modeldeployments", manifest("b", "churn"))
    async with world.operator(proxy):
        await world.until_live("a")
        await world.until_status(
            lambda s: reason(s, "Ready") == "FirstRevision", "churn is live", name="churn"
        )
        ports = {(await world.status(name))["port"] for name in ("fraud", "churn")}
        assert ports == {10000, 10001}
        await world.delete("modeldeployments", "fraud")
        await world.until_gone("services", "fraud")
        assert await world.get("deployments", "fairway-router") is not None


async def test_a_router_of_one_replica_keeps_no_budget(world: World, proxy: FaultProxy) -> None:
    """A budget over one pod that may not be missing would keep its node from ever being drained."""
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy, router_replicas=2):
        await world.until_there("poddisruptionbudgets", "fairway-router")
    async with world.operator(proxy, router_replicas=1):
        await world.until_gone("poddisruptionbudgets", "fairway-router")


@pytest.mark.parametrize("mute", [True, False], ids=["no router answers", "the router has it"])
async def test_nothing_is_deleted_that_a_router_may_still_send_requests_to(
    world: World, proxy: FaultProxy, mute: bool
) -> None:
    """Whatever the decision says: it may be older than what routers do."""
    ref = Ref(world.namespace, "fraud")
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy) as app:
        stable = (await world.until_live("a"))["stable"]
        world.mute = mute
        await app.cluster.of(ref).prune(ref, keep=frozenset())
        assert await world.get("deployments", stable) is not None
        world.mute = False
        world.routes_nothing = True
        await app.cluster.of(ref).prune(ref, keep=frozenset())
        assert any(call.method == "DELETE" and stable in call.path for call in proxy.writes)


async def test_a_quota_is_named_in_the_status(world: World, proxy: FaultProxy) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await world.create("resourcequotas", quota)
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        await world.until_status(lambda s: "exceeded quota" in message(s, "Available"), "the quota is named")


async def test_what_happened_is_told_once_as_an_event(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", manifest("a"))
    for _ in range(2):
        async with world.operator(proxy):
            await world.until_live("a")
    told = [
        e["reason"] for e in await world.list("events") if e["involvedObject"]["kind"] == "ModelDeployment"
    ]
    assert told.count("NewRevision") == 1


def reason(status: dict[str, object], kind: str) -> str:
    return found(status, kind).get("reason", "")


def message(status: dict[str, object], kind: str) -> str:
    return found(status, kind).get("message", "")


def found(status: dict[str, object], kind: str) -> dict[str, str]:
    conditions: list[dict[str, str]] = status.get("conditions", [])  # type: ignore[assignment]
    return next((c for c in conditions if c["type"] == kind), {})
