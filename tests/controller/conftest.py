from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from e2e.cluster.apiserver import CONTROLLERS, Apiserver
from e2e.cluster.fixtures import running
from e2e.cluster.rest import Api

from cluster.waiting import eventually
from controller.proxy import FaultProxy
from controller.world import World

CRD = yaml.safe_load((Path(__file__).parents[2] / "manifests/crd.yaml").read_text())
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    """A real API server with the real controllers, that knows our kind."""
    with running(tmp_path_factory.mktemp("controller-cluster"), CONTROLLERS) as found:
        api = Api.of(found.kubeconfig("admin"))
        assert api.post(CRDS, CRD).status == 201
        eventually(
            lambda: api.get("/apis/fairway.dev/v1alpha1/modeldeployments").status == 200, "it is served"
        )
        api.close()
        yield found


@pytest.fixture
async def world(cluster: Apiserver, tmp_path: Path) -> AsyncIterator[World]:
    """A namespace of its own, where pods get ready and routers obey."""
    api = Api.of(cluster.kubeconfig("admin"))
    namespace = f"t{uuid.uuid4().hex[:8]}"
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}  # else the API server makes no pod
    assert api.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": strict}}).status == 201
    found = World(api, cluster.kubeconfig("admin"), tmp_path, namespace)
    site = web.Application()
    site.router.add_get("/state", found.agent)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.router_port = runner.addresses[0][1]
    kubelet = asyncio.create_task(found.kubelet())
    yield found
    kubelet.cancel()
    with suppress(asyncio.CancelledError):
        await kubelet
    await runner.cleanup()
    api.delete(f"/api/v1/namespaces/{namespace}")
    api.close()


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[FaultProxy]:
    async with world.proxy() as found:
        yield found
