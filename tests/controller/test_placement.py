"""GPUs with the real scheduler. Nodes are objects only; the world's kubelet starts what they are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.cluster.apiserver import SCHEDULER, Apiserver

from controller.control_plane import control_plane
from controller.proxy import FaultProxy
from controller.world import World, a_world, manifest

GPU_IMAGE = "registry.example/fairway-onnx-gpu@sha256:3"
PRODUCT = "NVIDIA-H100-80GB-HBM3"


@pytest.fixture(scope="module")
def scheduling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    with control_plane(tmp_path_factory.mktemp("placement-cluster"), SCHEDULER) as found:
        yield found


@pytest.fixture
async def world(scheduling: Apiserver, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(scheduling.kubeconfig("admin"), tmp_path) as found:
        found.scheduled = True
        yield found


def with_gpu(**gpu: Any) -> dict[str, Any]:
    found = manifest("a")
    found["spec"]["gpu"] = {"count": 1, **gpu}
    return found


async def add_node(world: World, name: str, gpus: int, memory_mib: int) -> None:
    """A node as GPU feature discovery and the device plugin describe it, with the taint that is customary."""
    amounts = {"cpu": "8", "memory": "32Gi", "pods": "110", "nvidia.com/gpu": str(gpus)}
    labels = {"nvidia.com/gpu.product": PRODUCT, "nvidia.com/gpu.memory": str(memory_mib)}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    node = {"metadata": {"name": name, "labels": labels}, "spec": {"taints": [taint] if gpus else []}}
    answer = await world.ask("POST", "/api/v1/nodes", node)
    assert answer.status == 201, answer.body
    ready = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "as if"}]
    status = {"capacity": amounts, "allocatable": amounts, "conditions": ready}
    patch = "application/merge-patch+json"
    answer = await world.ask("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, patch)
    assert answer.status == 200, answer.body


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), {})


async def test_a_model_that_waits_for_a_gpu_says_so_and_goes_on_when_a_node_has_it(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", with_gpu(products=[PRODUCT], minMemoryMiB=40000))
    async with world.operator(proxy, server_gpu_image=GPU_IMAGE):
        status = await world.until_status(
            lambda s: condition(s, "Ready").get("reason") == "Unschedulable", "it says what it waits for"
        )
        words = condition(status, "Ready")["message"]
        assert "nvidia.com/gpu 1" in words
        assert f"nvidia.com/gpu.product In ({PRODUCT})" in words
        assert condition(status, "Stalled")["status"] == "False", "a node may yet come"
        for kind in ("Progressing", "Degraded"):
            assert (condition(status, kind)["status"], condition(status, kind)["reason"]) == (
                "True",
                "Unschedulable",
            )
        await add_node(world, f"plain-{world.namespace}", gpus=0, memory_mib=0)  # for the router
        await add_node(world, f"small-{world.namespace}", gpus=4, memory_mib=20000)
        await add_node(world, f"large-{world.namespace}", gpus=1, memory_mib=81559)
        await world.until_live("a", seconds=60)
        pods = [pod for pod in await world.list("pods") if "nodeName" in pod["spec"]]
    (server,) = [pod for pod in pods if "fairway.dev/revision" in pod["metadata"]["labels"]]
    assert server["spec"]["nodeName"] == f"large-{world.namespace}"
    (container,) = server["spec"]["containers"]
    assert container["image"] == GPU_IMAGE
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "cuda" in container["command"]


async def test_without_an_image_for_gpus_a_model_is_told_and_gets_no_cpu_instead(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", with_gpu())
    async with world.operator(proxy):
        status = await world.until_status(
            lambda s: condition(s, "Stalled").get("reason") == "NoServerForGpus", "it is told"
        )
        assert "FAIRWAY_SERVER_GPU_IMAGE" in condition(status, "Stalled")["message"]
    assert await world.names("deployments") == set()


async def test_a_quota_that_is_too_small_is_named(world: World, proxy: FaultProxy) -> None:
    await world.create("resourcequotas", {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        status = await world.until_status(
            lambda s: condition(s, "Ready").get("reason") == "QuotaExceeded", "it is told"
        )
    assert "quota raised" in condition(status, "Ready")["message"]


async def test_an_account_and_a_priority_class_that_are_missing_are_named(
    world: World, proxy: FaultProxy
) -> None:
    model = manifest("a")
    model["spec"]["model"]["serviceAccountName"] = "reader"
    await world.create("modeldeployments", model)
    other = manifest("b", "churn")
    other["spec"]["podTemplate"] = {"priorityClassName": "models"}
    await world.create("modeldeployments", other)
    wanted = {"fraud": "ServiceAccountMissing", "churn": "PriorityClassMissing"}
    async with world.operator(proxy):
        for name, reason in wanted.items():
            await world.until_status(
                lambda s, reason=reason: condition(s, "Ready").get("reason") == reason,  # type: ignore[misc]
                reason,
                name=name,
            )
