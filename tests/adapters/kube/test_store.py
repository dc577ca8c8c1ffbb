"""The store on a real API server."""

from __future__ import annotations

import pytest

from controller.proxy import FaultProxy, refusal
from controller.world import World, manifest
from fairway.adapters.kube.errors import Denied
from fairway.adapters.kube.store import KubeStore
from fairway.api.v1alpha1 import ModelDeployment
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref


async def read(store: KubeStore, world: World) -> ModelDeployment:
    found = await store.read(Ref(world.namespace, "fraud"))
    assert found is not None
    return found


async def test_a_status_is_written_once_and_read_back_as_it_was(
    world: World, store: KubeStore, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    md = await read(store, world)
    wanted = md.status.model_copy(update={"message": "hello", "port": 10000})
    stored = await store.remember(md, wanted)
    assert stored.status == wanted
    assert await store.remember(stored, wanted) == stored
    assert [call.what for call in proxy.writes] == ["PUT modeldeployments/status"]


async def test_a_decision_about_an_old_version_is_not_stored(world: World, store: KubeStore) -> None:
    await world.create("modeldeployments", manifest("a"))
    md = await read(store, world)
    await world.change("modeldeployments", "fraud", {"metadata": {"annotations": {"x": "y"}}})
    with pytest.raises(Conflict):
        await store.remember(md, md.status.model_copy(update={"message": "late"}))
    assert (await read(store, world)).metadata.annotations == {"x": "y"}, "the next look is a fresh one"
    assert await world.status() == {}


async def test_a_decision_without_news_is_fenced_before_its_first_effect(
    world: World, store: KubeStore
) -> None:
    await world.create("modeldeployments", manifest("a"))
    md = await read(store, world)
    await store.verify(await store.remember(md, md.status))
    await world.change("modeldeployments", "fraud", {"metadata": {"annotations": {"x": "y"}}})
    with pytest.raises(Conflict):
        await store.verify(md)


async def test_a_decision_about_a_deleted_namesake_is_not_stored(world: World, store: KubeStore) -> None:
    await world.create("modeldeployments", manifest("a"))
    md = await read(store, world)
    await world.delete("modeldeployments", "fraud")
    await world.until_gone("modeldeployments", "fraud")
    await world.create("modeldeployments", manifest("b"))
    with pytest.raises(Conflict):
        await store.remember(md, md.status.model_copy(update={"message": "late"}))
    assert await world.status() == {}


async def test_only_the_api_server_says_that_there_is_none(world: World, store: KubeStore) -> None:
    ref = Ref(world.namespace, "fraud")
    assert await store.read(ref) is None
    await world.create("modeldeployments", manifest("a"))
    assert await store.read(ref) is not None


async def test_what_a_newer_crd_knows_is_ignored(world: World, store: KubeStore) -> None:
    """The operator may be older than the CRD: what it does not know is not its business."""
    await world.create("modeldeployments", manifest("a"))
    await read(store, world)
    raw = store._cache.get(next(iter(store._cache._objects)), world.namespace, "fraud")
    assert raw is not None
    raw["spec"]["model"]["fromTheFuture"] = {"a": 1}
    assert (await read(store, world)).spec.model.format == "onnx"


async def test_a_refusal_is_not_taken_for_a_conflict(
    world: World, store: KubeStore, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    md = await read(store, world)
    proxy.fault = lambda call: refusal(422) if call.is_write else None
    with pytest.raises(Denied):
        await store.remember(md, md.status.model_copy(update={"message": "x"}))
