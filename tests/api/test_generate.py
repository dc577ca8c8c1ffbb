from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import CliRunner, Result

from fairway.api.crd import crd

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "tools/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(generate: ModuleType, root: Path, *options: str) -> Result:
    return CliRunner().invoke(generate.main, ["--root", str(root), *options])


def test_a_second_run_writes_nothing(generate: ModuleType, tmp_path: Path) -> None:
    first = run(generate, tmp_path)
    assert first.exit_code == 0
    assert "wrote manifests/crd.yaml" in first.output
    assert run(generate, tmp_path).output == ""


def test_check_lists_what_is_missing_and_writes_nothing(generate: ModuleType, tmp_path: Path) -> None:
    result = run(generate, tmp_path, "--check")
    assert result.exit_code == 1
    assert "stale docs/reference/modeldeployment.md" in result.output
    assert list(tmp_path.iterdir()) == []


def test_check_lists_what_was_edited_by_hand(generate: ModuleType, tmp_path: Path) -> None:
    run(generate, tmp_path)
    assert run(generate, tmp_path, "--check").exit_code == 0
    with (tmp_path / "manifests/crd.yaml").open("a") as file:
        file.write("# mine\n")
    result = run(generate, tmp_path, "--check")
    assert (result.exit_code, result.output) == (1, "stale manifests/crd.yaml\n")


def test_the_manifest_is_the_crd(generate: ModuleType, tmp_path: Path) -> None:
    run(generate, tmp_path)
    assert yaml.safe_load((tmp_path / "manifests/crd.yaml").read_text()) == crd()


def test_every_generated_file_says_so(generate: ModuleType, tmp_path: Path) -> None:
    """A page that is generated in part says it where that part begins."""
    run(generate, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(generate.generated())
    assert not [path for path in files if "tools/generate.py" not in path.read_text()]
