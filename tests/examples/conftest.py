"""Fixtures shared by the tests of the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from examples.demo.models import Report


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Every model of the demo, built once."""
    from examples.demo.models import build  # noqa: PLC0415 - scikit-learn takes a second to load

    return build(tmp_path_factory.mktemp("models"))
