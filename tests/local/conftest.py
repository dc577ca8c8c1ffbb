"""A laptop for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest_asyncio

from laptop.fairway import Laptop


@pytest_asyncio.fixture
async def laptop() -> AsyncIterator[Laptop]:
    """Nothing runs on it yet."""
    async with _laptop() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Laptop]:
    """One `fairway local up` for the tests of a file, each with a model of its own name."""
    async with _laptop() as made:
        await made.up()
        yield made


@asynccontextmanager
async def _laptop() -> AsyncIterator[Laptop]:
    """In a folder with a short path: sockets lie deep enough as it is."""
    folder = Path(tempfile.mkdtemp(prefix="fw-"))
    try:
        async with Laptop(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
