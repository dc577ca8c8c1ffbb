"""Fairway as its users install it: the chart of this tree, with the images of this tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from e2e.cluster.commands import run
from e2e.images import ROOT

RELEASE = NAMESPACE = "fairway-system"
CHART = ROOT / "charts/fairway"
_SECONDS = 300


@dataclass(frozen=True)
class Helm:
    """One release of the chart.

    Attributes:
        images: tags of operator, router and onnx, as `e2e.images` returns them.
        namespace: of the release, which has the same name.
    """

    tool: Path
    kubeconfig: Path
    images: Mapping[str, str]
    log: Path
    namespace: str = NAMESPACE
    values: dict[str, Any] = field(default_factory=dict)

    def install(self, **values: Any) -> None:
        """Install the release or upgrade it, and wait until it is ready.

        Args:
            values: of the chart, on top of those of this object.
        """
        given = {**self._images(), **self.values, **values}
        words = ("--namespace", self.namespace, "--create-namespace", "--values=-", "--wait")
        self._helm("upgrade", "--install", self._name, CHART, *words, f"--timeout={_SECONDS}s", given=given)

    def uninstall(self) -> None:
        self._helm("uninstall", self._name, "--namespace", self.namespace, "--wait", "--ignore-not-found")

    def test(self) -> None:
        """What `helm test` runs."""
        self._helm("test", self._name, "--namespace", self.namespace, f"--timeout={_SECONDS}s")

    @property
    def _name(self) -> str:
        return "fairway" if self.namespace == NAMESPACE else self.namespace

    def _images(self) -> dict[str, Any]:
        return {
            name: {"image": {"tag": self.images[name].rpartition(":")[2]}}
            for name in ("operator", "router", "onnx")
        }

    def _helm(self, *words: str | Path, given: dict[str, Any] | None = None) -> None:
        command = [self.tool, *words, "--kubeconfig", self.kubeconfig]
        stdin = yaml.safe_dump(given) if given is not None else None
        run(f"helm {words[0]}", command, self.log, stdin=stdin)
