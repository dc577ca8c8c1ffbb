from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e.cluster import binaries

from chart.helm import Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    found = shutil.which("helm") or binaries.find("helm")
    if found is None:
        pytest.skip("needs helm: make cluster-binaries")
    return Helm(Path(found), tmp_path_factory.mktemp("helm"))
