from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from e2e.cluster.apiserver import Apiserver

from controller.control_plane import control_plane
from controller.proxy import FaultProxy
from controller.world import World, a_world


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    with control_plane(tmp_path_factory.mktemp("controller-cluster")) as found:
        yield found


@pytest.fixture
async def world(cluster: Apiserver, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(cluster.kubeconfig("admin"), tmp_path) as found:
        yield found


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[FaultProxy]:
    async with world.proxy() as found:
        yield found
