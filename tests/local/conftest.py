"""A laptop for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from laptop.fairway import Laptop


@pytest.fixture
async def laptop() -> AsyncIterator[Laptop]:
    """A folder with a short path: sockets lie deep enough as it is."""
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    try:
        async with Laptop(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
