"""Whatever happens to a test, what it started ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.cluster.errors import CannotStart
from e2e.cluster.ports import Port
from e2e.cluster.processes import start

from cluster.waiting import children, eventually, gone

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STARTS_ONE = """
import sys, time
from pathlib import Path
from e2e.cluster.processes import start
print(start("sleeper", sys.argv[2:], Path(sys.argv[1])).keeper.pid, flush=True)
time.sleep(600)
"""


def test_a_stopped_process_is_gone(tmp_path: Path) -> None:
    process = start("sleeper", SLEEPER, tmp_path)
    eventually(lambda: bool(children(process.keeper.pid)), "it runs")
    started = children(process.keeper.pid)
    process.stop()
    assert gone(started)
    assert not process.runs


def test_it_ends_with_whoever_asked_for_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_ONE, str(tmp_path), *SLEEPER]
    repository = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        keeper = int(asker.stdout.readline())
        eventually(lambda: bool(children(keeper)), "it runs")
        started = children(keeper)
        asker.kill()
    eventually(lambda: gone(started), "it is gone")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_it_ends_when_its_keeper_is_killed(tmp_path: Path) -> None:
    process = start("sleeper", SLEEPER, tmp_path)
    eventually(lambda: bool(children(process.keeper.pid)), "it runs")
    started = children(process.keeper.pid)
    process.keeper.kill()
    eventually(lambda: gone(started), "it is gone")
    process.stop()


def test_one_that_ends_too_early_is_reported_with_its_words(tmp_path: Path) -> None:
    process = start("tool", ["sh", "-c", "echo no such flag >&2; exit 2"], tmp_path)
    with pytest.raises(CannotStart, match=r"(?s)tool ended with exit code 2; its log is .*no such flag"):
        process.wait_until(lambda: False, seconds=20)
    process.stop()


def test_one_that_is_never_ready_is_reported(tmp_path: Path) -> None:
    process = start("sleeper", SLEEPER, tmp_path)
    with pytest.raises(CannotStart, match="sleeper was not ready within 0 s"):
        process.wait_until(lambda: False, seconds=0)
    process.stop()


def test_a_held_port_is_for_servers_that_share_it() -> None:
    port = Port()
    address = ("127.0.0.1", port.number)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(address)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(address)
        server.listen()
        with socket.create_connection(address, timeout=5) as client:
            assert client.getpeername() == address
    port.close()
