"""Every boundary of the architecture fails when it is crossed: each contract is broken once, in a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Breach(NamedTuple):
    contract: str
    file: str
    line: str


BREACHES = (
    Breach("Imports point one way", "operator/fairway/api/base.py", "import fairway.core.model"),
    Breach("Imports point one way", "operator/fairway/driver/tick.py", "import fairway.adapters.files"),
    Breach("What decides does no I/O", "operator/fairway/core/clock.py", "import time"),
    Breach("What decides does no I/O", "operator/fairway/render/envoy.py", "import os"),
    Breach("Only the controller knows kopf", "operator/fairway/local/app.py", "import kopf"),
    Breach(
        "Engines and routers do not know each other",
        "operator/fairway/render/engines/onnx.py",
        "import fairway.render.routers.envoy",
    ),
    Breach("share nothing", "runtimes/onnx/fairway_onnx/errors.py", "import fairway.api.errors"),
    Breach(
        "Only the session knows ONNX Runtime", "runtimes/onnx/fairway_onnx/errors.py", "import onnxruntime"
    ),
)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda b: f"{b.file.rsplit('/', 1)[-1]}: {b.line}")
def test_a_crossed_boundary_is_reported(breach: Breach, tmp_path: Path) -> None:
    for room in ("operator", "runtimes"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.binpb"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / breach.file).open("a") as file:
        file.write(f"\n{breach.line}\n")
    report = _lint(tmp_path)
    assert report.returncode == 1
    broken = [line for line in report.stdout.splitlines() if " BROKEN" in line]
    assert any(breach.contract in line for line in broken), report.stdout


def test_no_package_lies_on_top_of_the_standard_library() -> None:
    """`operator/` with an `__init__.py` would be imported instead of the standard library's `operator`."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    path = f"import sys; sys.path[:0] = ['{folder}/operator', '{folder}/runtimes/onnx']; "
    return subprocess.run(
        [sys.executable, "-c", path + program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
