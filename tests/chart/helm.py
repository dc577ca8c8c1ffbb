"""The real helm, on the chart in this repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts/fairway"
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
EVERYTHING: dict[str, Any] = yaml.safe_load((CHART / "ci/everything-values.yaml").read_text())
NAMESPACED: dict[str, Any] = yaml.safe_load((CHART / "ci/namespaced-values.yaml").read_text())
VALUE_SETS = {"default": {}, "namespaced": NAMESPACED, "everything": EVERYTHING}
NAMESPACE = "fairway-system"
Objects = list[dict[str, Any]]


@dataclass(frozen=True)
class Helm:
    """One binary, with an environment in which it finds nothing of the user's."""

    binary: Path
    home: Path

    def run(self, *words: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command; `values` go in as a file on standard input."""
        given = () if values is None else ("--values=-",)
        return subprocess.run(
            [str(self.binary), *words, *given],
            input=None if values is None else yaml.safe_dump(values),
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    def template(self, values: dict[str, Any] | None = None, *words: str) -> Objects:
        """What an installation would consist of, hooks included."""
        done = self.run(
            *("template", "fairway", str(CHART), f"--namespace={NAMESPACE}", "--kube-version=1.34.0", *words),
            values=values or {},
        )
        assert done.returncode == 0, done.stderr
        return [obj for obj in yaml.safe_load_all(done.stdout) if obj is not None]

    def refusal(self, values: dict[str, Any]) -> str:
        """What helm says about values that are wrong."""
        done = self.run("template", "fairway", str(CHART), "--kube-version=1.34.0", values=values)
        assert done.returncode != 0, "they are taken"
        return done.stderr


def of_kind(objects: Objects, kind: str) -> Objects:
    return [obj for obj in objects if obj["kind"] == kind]


def the(objects: Objects, kind: str) -> dict[str, Any]:
    """The only object of a kind."""
    (found,) = of_kind(objects, kind)
    return found


def container(objects: Objects) -> dict[str, Any]:
    """The operator's."""
    found: dict[str, Any] = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(objects: Objects) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(objects)["env"]}


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """Every value that is not a map of further ones, by its dotted path."""
    if not isinstance(tree, dict) or not tree:
        return {path: tree}
    below = (leaves(value, f"{path}.{key}".removeprefix(".")) for key, value in tree.items())
    return {key: value for found in below for key, value in found.items()}
