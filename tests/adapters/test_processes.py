"""Local servers as real processes: started, probed, restarted, replaced, adopted, ended."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fairway.adapters import process_server
from fairway.adapters.process_records import MARK, read_records, strays
from fairway.adapters.process_server import BACKOFF_SECONDS, Death, Server, Verdict
from fairway.adapters.processes import ProcessSupervisor
from fairway.core.model import Health, WorkloadHealth
from fairway.render.protocols import ProcessSpec
from laptop.fairway import eventually

OWNER = "default/fraud"

SERVER = """
import json, os, pathlib, signal, socket, sys, time
folder, stubborn = pathlib.Path(sys.argv[1]), "stubborn" in sys.argv
mode = folder.parent.parent / "mode"
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode.exists() and mode.read_text() == "fatal":
    (folder / "last").write_text(json.dumps({"message": "the model is broken"}))
    sys.exit(3)
if mode.exists() and mode.read_text() == "crash":
    print("something is wrong", file=sys.stderr)
    sys.exit(1)
listener = socket.create_server(("127.0.0.1", 0))
(folder / "address.tmp").write_text(json.dumps({"host": "127.0.0.1", "port": listener.getsockname()[1]}))
(folder / "address.tmp").rename(folder / "address.json")
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    status = b"503 Not Yet" if mode.exists() and mode.read_text() == "unready" else b"200 OK"
    connection.sendall(b"HTTP/1.1 " + status + b"\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
    connection.close()
"""


class Shop:
    """A folder with servers in it, and whoever supervises them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.deaths: list[Death] = []
        self.supervisors: list[ProcessSupervisor] = []
        self.orphans: list[subprocess.Popen[bytes]] = []
        (folder / "server.py").write_text(SERVER)

    async def open(self) -> ProcessSupervisor:
        """A Fairway that begins."""
        made = ProcessSupervisor(self.run, self.folder / "logs", lambda: None, self.deaths.append)
        await made.start()
        self.supervisors.append(made)
        return made

    async def crash(self, supervisor: ProcessSupervisor) -> None:
        """A Fairway that is gone and has ended nothing; its children are nobody's children any more."""
        self.supervisors.remove(supervisor)
        await supervisor.close()
        for server in supervisor._everyone():
            self.orphans += [server.child] if server.child else []
            server.child = None

    def spec(self, name: str = "v1", *extra: str, drain: float = 5.0) -> ProcessSpec:
        folder = self.run / name
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-S", "-E", str(self.folder / "server.py"), str(folder), *extra),
            termination_file=folder / "last",
            address_file=folder / "address.json",
            fatal_exit_codes=frozenset({3}),
            drain_seconds=drain,
        )

    def behave(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(tmp_path)
    yield made
    for supervisor in made.supervisors:
        supervisor.hurry()
        await supervisor.stop_all()
        await supervisor.close()
    for orphan in made.orphans:
        orphan.wait()
    assert list(_marked(made.run)) == [], "every test ends what it started"


def _marked(run: Path) -> list[int]:
    return [p.pid for p in psutil.Process().children(recursive=True) if _mark(p).startswith(str(run))]


def _mark(process: psutil.Process) -> str:
    try:
        return process.environ().get(MARK, "") if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""


def _ready(supervisor: ProcessSupervisor, name: str = "v1") -> Callable[[], bool]:
    return lambda: supervisor.health(name).ready


async def test_a_server_is_ready_once_it_answers_and_its_address_is_known(shop: Shop) -> None:
    servers = await shop.open()
    assert servers.health("v1").health is Health.ABSENT
    shop.behave("unready")
    servers.ensure(shop.spec(), OWNER)
    await eventually((shop.run / "v1" / "address.json").exists, why="it listens")
    assert servers.health("v1").health is Health.STARTING
    assert servers.address("v1") is None
    shop.behave("ready")
    await eventually(_ready(servers), why="it answers 200")
    address = json.loads((shop.run / "v1" / "address.json").read_text())
    assert servers.address("v1") == ("127.0.0.1", address["port"])
    assert servers.of(OWNER) == {"v1"}


async def test_asking_again_for_the_same_changes_nothing(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    pid = servers.pid("v1")
    servers.ensure(shop.spec(), OWNER)
    assert servers.pid("v1") == pid


async def test_a_server_that_says_it_is_not_ready_keeps_its_address(shop: Shop) -> None:
    """It is the only one there is: without an address every request would fail for certain."""
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(_ready(servers), why="it answers 200")
    address = servers.address("v1")
    shop.behave("unready")
    await eventually(lambda: not servers.health("v1").ready, why="it answers 503")
    assert servers.health("v1").message == "says that it is not ready (503)"
    assert servers.address("v1") == address
    shop.behave("ready")
    await eventually(_ready(servers), why="it answers 200 again")


async def test_a_server_that_died_is_told_and_started_again(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(_ready(servers), why="it answers")
    dead = servers.pid("v1")
    psutil.Process(dead).kill()
    await eventually(lambda: servers.pid("v1") not in {None, dead}, why="another one runs")
    assert servers.health("v1").restarts == 1
    assert shop.deaths == [Death(OWNER, "v1", "the server was killed by SIGKILL", BACKOFF_SECONDS[0])]
    await eventually(_ready(servers), why="it answers again")


async def test_a_server_that_crashes_is_quoted_and_tried_again_ever_more_rarely(shop: Shop) -> None:
    shop.behave("crash")
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(lambda: len(shop.deaths) == 3, why="it crashed three times")
    assert [death.again_in_seconds for death in shop.deaths] == list(BACKOFF_SECONDS[:3])
    assert shop.deaths[0].words == "the server ended with exit code 1: something is wrong"
    assert servers.health("v1").health is Health.STARTING, "the next attempt may be the good one"


async def test_what_starting_again_cannot_cure_is_failed_in_the_servers_own_words(shop: Shop) -> None:
    shop.behave("fatal")
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(lambda: shop.deaths, why="it gave up")
    assert servers.health("v1") == WorkloadHealth(Health.FAILED, "the model is broken", 1)
    assert shop.deaths[0].again_in_seconds == BACKOFF_SECONDS[-1]


async def test_what_cannot_be_started_is_said_and_tried_again(shop: Shop) -> None:
    servers = await shop.open()
    spec = shop.spec()
    servers.ensure(ProcessSpec("v1", ("/nowhere/server",), spec.termination_file), OWNER)
    assert servers.health("v1").message.startswith("cannot be started: [Errno 2] No such file or directory")
    await eventually(lambda: len(shop.deaths) == 2, why="it is tried again")


async def test_a_server_that_cannot_be_recorded_does_not_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next Fairway would not know of it."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairway.adapters.processes.write_record", full)
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    assert "No space left on device" in servers.health("v1").message
    assert _marked(shop.run) == []
    monkeypatch.undo()
    await eventually(_ready(servers), why="it runs once it can be recorded")


async def test_a_stopped_server_leaves_its_log_and_nothing_else(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(_ready(servers), why="it answers")
    (shop.run / "v1" / "log").write_text("it was here\n")
    servers.stop("v1")
    await servers.stopped("v1")
    assert servers.health("v1").health is Health.ABSENT
    assert not (shop.run / "v1").exists()
    assert (shop.folder / "logs" / "v1.log").read_text() == "it was here\n"
    assert _marked(shop.run) == []


async def test_stopping_and_asking_again_at_once_never_loses_a_server(shop: Shop) -> None:
    servers = await shop.open()
    for _ in range(5):
        servers.ensure(shop.spec(), OWNER)
        servers.stop("v1")
    servers.ensure(shop.spec(), OWNER)
    await servers.stopped("v1")
    await eventually(_ready(servers), why="it answers")
    assert _marked(shop.run) == [servers.pid("v1")]
    await servers.stop_all()
    assert _marked(shop.run) == []


async def test_who_does_not_go_is_made_to_and_a_hurry_waits_for_nobody(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec("v1", "stubborn", drain=60.0), OWNER)
    await eventually(_ready(servers), why="it answers")
    servers.stop("v1")
    assert len(_marked(shop.run)) == 1
    servers.hurry()
    await asyncio.wait_for(servers.stopped("v1"), 5)
    assert _marked(shop.run) == []


async def test_another_command_line_takes_over_only_when_it_is_ready(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(_ready(servers), why="it answers")
    old, address = servers.pid("v1"), servers.address("v1")
    shop.behave("unready")
    servers.ensure(shop.spec("v1", "new"), OWNER)
    servers.ensure(shop.spec("v1", "new"), OWNER)
    await eventually(lambda: len(_marked(shop.run)) == 2, why="both run")
    assert (servers.pid("v1"), servers.address("v1")) == (old, address)
    shop.behave("ready")
    await eventually(lambda: servers.pid("v1") != old, why="the new one takes over")
    assert servers.health("v1").ready
    assert servers.address("v1") != address
    assert psutil.pid_exists(old or 0), "routers need a moment to hear of it"
    await eventually(lambda: _marked(shop.run) == [servers.pid("v1")], why="the old one ends")
    assert read_records(shop.run)["v1"]["argv"][-1] == "new"


async def test_a_successor_steps_in_when_the_one_before_it_dies(shop: Shop) -> None:
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    await eventually(_ready(servers), why="it answers")
    old = servers.pid("v1")
    shop.behave("unready")
    servers.ensure(shop.spec("v1", "new"), OWNER)
    psutil.Process(old).kill()
    await eventually(lambda: servers.pid("v1") not in {None, old}, why="the new one steps in")
    shop.behave("ready")
    await eventually(_ready(servers), why="it answers")
    assert servers.health("v1").restarts == 1
    assert _marked(shop.run) == [servers.pid("v1")]


async def test_the_next_fairway_adopts_what_runs_and_knows_how_it_is_after_settling(shop: Shop) -> None:
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    await eventually(_ready(first), why="it answers")
    pid = first.pid("v1")
    await shop.crash(first)
    second = await shop.open()
    assert second.owners() == {OWNER}
    second.ensure(shop.spec(), OWNER)
    assert second.pid("v1") == pid
    await second.settle(5)
    assert second.health("v1").ready
    psutil.Process(pid).kill()
    await eventually(lambda: second.pid("v1") not in {None, pid}, why="an adopted one is started again too")
    assert shop.deaths[0].words == "the server is gone"


async def test_restarts_are_counted_across_the_death_of_fairway(shop: Shop) -> None:
    """Else a candidate that dies whenever Fairway does would never be sent back."""
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    await eventually(_ready(first), why="it answers")
    pid = first.pid("v1")
    await shop.crash(first)
    psutil.Process(pid).kill()
    psutil.Process(pid).wait()
    second = await shop.open()
    second.ensure(shop.spec(), OWNER)
    assert second.health("v1").restarts == 1


async def test_an_adopted_server_with_another_command_line_is_replaced_without_a_gap(shop: Shop) -> None:
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    await eventually(_ready(first), why="it answers")
    pid = first.pid("v1")
    await shop.crash(first)
    second = await shop.open()
    second.ensure(shop.spec("v1", "new"), OWNER)
    assert second.pid("v1") == pid
    await eventually(lambda: second.pid("v1") != pid, why="the new one takes over")
    assert second.health("v1").ready
    await eventually(lambda: _marked(shop.run) == [second.pid("v1")], why="the old one ends")


async def test_a_newer_fairway_that_knows_more_about_a_server_leaves_it_running(shop: Shop) -> None:
    """What tells one server from another is its command line, not what is recorded about it."""
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    await eventually(_ready(first), why="it answers")
    pid = first.pid("v1")
    await shop.crash(first)
    second = await shop.open()
    for seconds in (1.0, 2.0):
        second.ensure(replace(shop.spec(), live_path="/live", drain_seconds=seconds), OWNER)
        assert _marked(shop.run) == [pid]


async def test_what_nobody_wants_any_more_is_ended_though_it_was_never_adopted(shop: Shop) -> None:
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    await shop.crash(first)
    second = await shop.open()
    assert second.of(OWNER) == {"v1"}
    second.stop("v1")
    await second.stopped("v1")
    assert second.of(OWNER) == set()
    assert _marked(shop.run) == []


async def test_a_server_whose_record_was_never_written_is_ended_at_the_start(shop: Shop) -> None:
    """Fairway died between starting it and writing down that it did."""
    first = await shop.open()
    first.ensure(shop.spec(), OWNER)
    pid = first.pid("v1")
    await shop.crash(first)
    (shop.run / "v1" / "process.json").unlink()
    assert [process.pid for process in strays(shop.run)] == [pid]
    await shop.open()
    assert _marked(shop.run) == []


async def test_another_process_under_a_recorded_id_is_left_alone(shop: Shop) -> None:
    """Ids are given out again."""
    other = await asyncio.create_subprocess_exec("sleep", "60")
    (shop.run / "v1").mkdir(parents=True)
    record = {"pid": other.pid, "argv": list(shop.spec().argv), "owner": OWNER, "restarts": 0}
    (shop.run / "v1" / "process.json").write_text(json.dumps(record))
    servers = await shop.open()
    servers.ensure(shop.spec(), OWNER)
    assert servers.pid("v1") != other.pid
    await servers.stop_all()
    assert other.returncode is None
    other.kill()
    await other.wait()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(ProcessSpec("v1", ("server",), tmp_path / "last"), OWNER, tmp_path)


ADDRESS = ("127.0.0.1", 1)


def test_one_slow_answer_says_little_and_long_silence_a_lot(server: Server) -> None:
    server.heard(ADDRESS, 200, now=0.0)
    assert server.heard(ADDRESS, None, now=process_server.SILENT_SECONDS - 0.1) is Verdict.ALIVE
    assert server.health.ready
    server.heard(ADDRESS, None, now=process_server.SILENT_SECONDS + 0.1)
    assert not server.health.ready
    assert server.health.message == "does not answer its readiness check"
    assert server.heard(ADDRESS, None, now=process_server.HUNG_SECONDS - 0.1) is Verdict.ALIVE
    assert server.heard(ADDRESS, None, now=process_server.HUNG_SECONDS + 0.1) is Verdict.HANGS


def test_a_model_may_take_its_time_to_load(server: Server) -> None:
    """One that never answered is not killed; the rollout has a deadline of its own."""
    assert server.heard(None, None, now=10 * process_server.HUNG_SECONDS) is Verdict.ALIVE


def test_the_back_off_starts_over_after_a_steady_life(server: Server) -> None:
    waits = [server.failed("dead", server.started, fatal=False) for _ in range(9)]
    assert waits == [*BACKOFF_SECONDS, BACKOFF_SECONDS[-1], BACKOFF_SECONDS[-1]]
    assert server.failed("dead", server.started + 61, fatal=False) == BACKOFF_SECONDS[0]
    assert server.health.restarts == 10
