"""One API server for the tests of the agent; one of them stops it and starts it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.fixtures import running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    with running(tmp_path_factory.mktemp("api")) as found:
        yield found
