from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.cluster import runtime_wrapper
from e2e.cluster.runtime_wrapper import NAMES, missing_capabilities, without

ALL = "CapBnd:\t000001ffffffffff\n"
NO_RESOURCE = "Name:\tsh\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n"


def test_the_missing_ones_are_found_by_their_number() -> None:
    assert len(NAMES) == 41
    assert missing_capabilities(ALL) == frozenset()
    assert missing_capabilities(NO_RESOURCE) == {"CAP_SYS_RESOURCE"}


def test_a_container_asks_for_no_missing_one() -> None:
    asked = {"bounding": ["CAP_KILL", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]}
    given = without({"args": ["sh"], "capabilities": asked}, frozenset({"CAP_SYS_RESOURCE"}))
    assert given == {"args": ["sh"], "capabilities": {"bounding": ["CAP_KILL"], "effective": []}}


def test_a_process_without_a_list_stays_as_it_is() -> None:
    assert without({"args": ["sh"]}, frozenset(NAMES)) == {"args": ["sh"]}


@pytest.mark.parametrize("option", ["--bundle", "--process"])
def test_runc_gets_the_rewritten_file_and_all_arguments(tmp_path: Path, option: str) -> None:
    """With a runc that only shows what it was called with."""
    runc = tmp_path / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    process = {"args": ["sh"], "capabilities": {"bounding": ["CAP_NOT_OF_THIS_KERNEL"]}}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"process": process} if option == "--bundle" else process))
    arguments = ["--root", "/run", "create", option, str(tmp_path if option == "--bundle" else file), "id"]
    done = subprocess.run(
        [sys.executable, "-S", "-E", runtime_wrapper.__file__, *arguments],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == arguments
    written = json.loads(file.read_text())
    assert (written["process"] if option == "--bundle" else written)["args"] == ["sh"]
