from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from controller.conftest import cluster, world
from controller.proxy import FaultProxy, fault_proxy
from controller.world import World
from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.store import KubeStore
from fairway.controller.connection import load_connection

__all__ = ["cluster", "world"]


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(world.kubeconfig, world.folder) as found:
        yield found


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[KubeClient]:
    found = KubeClient(load_connection(str(proxy.kubeconfig)))
    yield found
    await found.close()


@pytest.fixture
def store(client: KubeClient) -> KubeStore:
    return KubeStore(client, Cache())
