"""The command line as a process: faults, interrupts, pipes, what is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fairway.cli.exits import Exit
from laptop.cli import Cli
from laptop.records import put, sent_back


def test_an_unexpected_fault_is_one_line_that_says_how_to_see_more(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.cli.crd.make_crd", lambda: 1 / 0)
    said = cli("crd")
    assert said.code == Exit.ERROR
    assert said.err.startswith("Error: ZeroDivisionError")
    assert "FAIRWAY_DEBUG=1" in said.err
    assert "Traceback" not in said.err


def test_ctrl_c_has_the_code_of_an_interrupt(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.cli.crd.make_crd", interrupted)
    said = cli("crd")
    assert said.code == Exit.INTERRUPTED
    assert said.err.strip() == "interrupted; a rollout goes on without this command"


def test_the_command_line_works_without_any_extra(tmp_path: Path) -> None:
    """What only local mode or the operator needs is missing; `local up` alone says so."""
    missing = ("structlog", "aiohttp", "grpc", "psutil", "google", "kopf", "lightkube", "onnxruntime")
    script = f"""
import sys
sys.modules.update(dict.fromkeys({missing!r}))
sys.argv = ["fairway", *sys.argv[1:]]
from fairway.cli.main import main
main()
"""

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-c", script, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    state = ("--state-dir", str(tmp_path / "s"))
    assert run("get", *state)[0] == Exit.OK
    code, words = run("local", "up", *state)
    assert code == Exit.ERROR
    assert "is missing: pip install 'fairway[local]'" in words


def test_a_damaged_status_is_told_beside_the_json_and_not_in_it(
    cli: Cli, caplog: pytest.LogCaptureFixture
) -> None:
    put(cli, sent_back())
    file = cli.state / "deployments" / "default" / "fraud" / "status.json"
    file.write_text("{")
    said = cli("get", "fraud", "-o", "json")
    assert json.loads(said.out)["metadata"]["name"] == "fraud"
    assert "the status was damaged" in caplog.text


def test_a_reader_that_leaves_early_ends_it_without_a_word() -> None:
    fairway = [sys.executable, "-m", "fairway.cli.main", "crd"]
    with subprocess.Popen(fairway, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == Exit.ERROR
