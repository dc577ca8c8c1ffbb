from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.cluster import binaries
from e2e.cluster.apiserver import CONTROLLERS
from e2e.cluster.fixtures import running
from e2e.cluster.rest import Api

from chart.cluster_side import Cluster
from chart.helm import NAMESPACE, Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    found = shutil.which("helm") or binaries.find("helm")
    if found is None:
        pytest.skip("needs helm: make cluster-binaries")
    return Helm(Path(found), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def cluster(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With the real controllers: one of them fills the built-in roles."""
    with running(tmp_path_factory.mktemp("chart-cluster"), CONTROLLERS) as found:
        kubeconfig = found.kubeconfig("admin")
        with contextlib.closing(Api.of(kubeconfig)) as api:
            made = Cluster(helm, kubeconfig, binaries.find_or_make("kubectl"), api)
            for name in (NAMESPACE, "payments", "search"):
                made.make_namespace(name)
            yield made
