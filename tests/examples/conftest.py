"""The demo is not an installed package: the root of the repository joins the path, as `python -m` has it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.append(str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from examples.demo.models import Report


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Every model of the demo, built once."""
    from examples.demo.models import build  # noqa: PLC0415 - scikit-learn takes a second to load

    return build(tmp_path_factory.mktemp("models"))
