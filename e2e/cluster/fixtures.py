"""pytest fixtures: an API server for the session, or a reason why there is none.

With a cold cache the binaries take a quarter of an hour to build. A test never starts that by itself; it is
skipped, and says what to run. FAIRWAY_BUILD_CLUSTER=1 builds. FAIRWAY_CLUSTER=off skips in any case, so that
`make test` leaves API servers to `make integration` and stays under five minutes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.cluster import binaries
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.rest import Api


@contextlib.contextmanager
def running(folder: Path, *parts: str) -> Iterator[Apiserver]:
    """A control plane for one `with`, or a skip; certificates and logs stay in the folder."""
    if os.environ.get("FAIRWAY_CLUSTER") == "off":
        pytest.skip("needs an API server: make integration")
    cluster = Apiserver(folder, *parts)
    reason = cluster.missing()
    if reason and os.environ.get("FAIRWAY_BUILD_CLUSTER") != "1":
        pytest.skip(reason)
    cluster.up()
    try:
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    """kube-apiserver and etcd, for tests that leave nothing behind which could disturb another one."""
    with running(tmp_path_factory.mktemp("apiserver")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(apiserver: Apiserver) -> Iterator[Api]:
    with contextlib.closing(Api.of(apiserver.kubeconfig("admin"))) as client:
        yield client


@pytest.fixture(scope="session")
def kubectl(apiserver: Apiserver) -> list[str]:
    """The words that a kubectl command for this API server begins with."""
    return [str(binaries.find_or_make("kubectl")), f"--kubeconfig={apiserver.kubeconfig('admin')}"]
