"""Server-side apply on a real API server: what is sent, what is not, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from controller.proxy import FaultProxy
from controller.world import World
from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.errors import Denied, Foreign, NotFound
from fairway.adapters.kube.kinds import CONFIG_MAP
from fairway.adapters.kube.objects import Objects
from fairway.driver.errors import Conflict

Obj = dict[str, Any]


def config(world: World, **data: str) -> Obj:
    metadata = {"namespace": world.namespace, "name": "c", "labels": {"ours": "yes"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def is_ours(obj: Obj) -> bool:
    return (obj["metadata"].get("labels") or {}).get("ours") == "yes"


async def no_fence() -> None:
    return


@pytest.fixture
def objects(client: KubeClient) -> Objects:
    return Objects(client, Cache())


async def test_an_object_is_made_once_and_then_left_alone(
    world: World, objects: Objects, proxy: FaultProxy
) -> None:
    assert await objects.ensure(config(world, a="1"), is_ours, no_fence)
    assert not await objects.ensure(config(world, a="1"), is_ours, no_fence)
    assert len(proxy.writes) == 1


async def test_a_new_process_without_a_cache_sends_nothing_either(world: World, objects: Objects) -> None:
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    assert not await Objects(objects.client, Cache()).ensure(config(world, a="1"), is_ours, no_fence)


async def test_a_field_that_is_not_wanted_any_more_goes(world: World, objects: Objects) -> None:
    await objects.ensure(config(world, a="1", b="2"), is_ours, no_fence)
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    found = await world.get("configmaps", "c")
    assert found is not None
    assert found["data"] == {"a": "1"}


async def test_a_field_of_somebody_else_stays(world: World, objects: Objects) -> None:
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    await world.change("configmaps", "c", {"data": {"theirs": "x"}})
    await objects.ensure(config(world, a="2"), is_ours, no_fence)
    found = await world.get("configmaps", "c")
    assert found is not None
    assert found["data"] == {"a": "2", "theirs": "x"}


async def test_a_foreign_object_is_not_touched(world: World, objects: Objects, proxy: FaultProxy) -> None:
    before = await world.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "theirs"}})
    with pytest.raises(Foreign):
        await objects.ensure(config(world, a="1"), is_ours, no_fence)
    assert await world.get("configmaps", "c") == before
    assert proxy.writes == []


async def test_a_namesake_made_meanwhile_is_not_written_to(world: World, objects: Objects) -> None:
    """The cache still knows the one that is gone; the API server compares the uid."""
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    await world.delete("configmaps", "c")
    await world.create("configmaps", {"metadata": {"name": "c"}, "data": {"a": "theirs"}})
    with pytest.raises(Conflict):
        await objects.ensure(config(world, a="2"), is_ours, no_fence)
    found = await world.get("configmaps", "c")
    assert found is not None
    assert found["data"] == {"a": "theirs"}


async def test_a_namesake_is_not_deleted(world: World, objects: Objects, client: KubeClient) -> None:
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    old = await client.get(CONFIG_MAP, world.namespace, "c")
    await world.delete("configmaps", "c")
    await objects.client.apply(config(world, a="new"), CONFIG_MAP, force=False)
    await client.delete(old, CONFIG_MAP)
    assert await world.get("configmaps", "c") is not None


async def test_what_may_go_is_deleted_and_its_absence_is_fine(world: World, objects: Objects) -> None:
    await objects.ensure(config(world, a="1"), is_ours, no_fence)
    assert not await objects.remove(CONFIG_MAP, world.namespace, "c", lambda _obj: False)
    assert await objects.remove(CONFIG_MAP, world.namespace, "c", is_ours)
    assert not await objects.remove(CONFIG_MAP, world.namespace, "c", is_ours)


async def test_an_outdated_decision_writes_nothing(world: World, objects: Objects, proxy: FaultProxy) -> None:
    async def fence() -> None:
        raise Conflict("outdated")

    with pytest.raises(Conflict):
        await objects.ensure(config(world, a="1"), is_ours, fence)
    assert proxy.writes == []


async def test_errors_are_told_apart(world: World, client: KubeClient) -> None:
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, world.namespace, "none")
    with pytest.raises(Denied):
        await client.apply(config(world) | {"data": {"not/a key": "x"}}, CONFIG_MAP, force=False)


async def test_a_long_list_is_read_in_parts(
    world: World, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.adapters.kube.client.CHUNK", 2)
    for name in "abcde":
        await world.create("configmaps", {"metadata": {"name": name, "labels": {"x": "y"}}})
    found = await client.list(CONFIG_MAP, world.namespace, {"x": "y"})
    assert sorted(item["metadata"]["name"] for item in found.items) == list("abcde")
    assert found.resource_version.isdecimal()
