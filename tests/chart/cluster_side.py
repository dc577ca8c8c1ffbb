"""An API server with the chart installed in it; nothing runs there, as the images are nowhere."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.rest import Api

from chart.helm import CHART, NAMESPACE, Helm, Objects

STRICT = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Cluster:
    """What an administrator and users of a cluster can do."""

    helm: Helm
    kubeconfig: Path
    kubectl_binary: Path
    api: Api

    def install(self, verb: str = "install", *words: str, values: dict[str, Any] | None = None) -> str:
        """`helm install` or `helm upgrade`; returns what it prints."""
        return self.release(verb, "fairway", str(CHART), *words, values=values or {})

    def release(self, *words: str, values: dict[str, Any] | None = None) -> str:
        """Any helm command for a release in the operator's namespace."""
        target = (f"--namespace={NAMESPACE}", f"--kubeconfig={self.kubeconfig}")
        done = self.helm.run(*words, *target, values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubectl(self, *words: str, given: Any = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.kubectl_binary), f"--kubeconfig={self.kubeconfig}", *words],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )

    def make_namespace(self, name: str) -> None:
        made = self.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": STRICT}})
        assert made.status in {201, 409}, made.message

    def apply(self, objects: Objects) -> None:
        """As `kubectl apply` does it.

        Raises:
            AssertionError: the API server refuses one, or warns.
        """
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        done = self.kubectl("apply", "--server-side", "--filename=-", given=items)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
