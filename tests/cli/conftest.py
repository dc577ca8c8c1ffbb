"""The command line in this process."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from fairway.adapters.files import FileStore
from fairway.cli.main import main
from laptop.cli import Cli, Said


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    state = tmp_path / "s"
    monkeypatch.setenv("FAIRWAY_STATE_DIR", str(state))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["fairway", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return Cli(state, FileStore(state / "deployments"), call)
