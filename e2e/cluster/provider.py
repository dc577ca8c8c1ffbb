"""What a test knows of a cluster, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers.

    Attributes:
        kubeconfig: for an administrator.
        runs_pods: whether a container really starts; an API server alone only stores that it should.
    """

    kubeconfig: Path
    runs_pods: bool


class Provider(Protocol):
    """Makes one cluster and takes it away again."""

    def missing(self) -> str:
        """Why this provider cannot work on this machine as it is; "" when it can."""

    def up(self) -> Cluster:
        """Make the cluster, or find the one that is there; return when its API answers.

        Raises:
            ClusterError: it did not come up. Logs are kept.
        """

    def down(self) -> None:
        """Take away everything that `up` made; harmless when there is nothing."""

    def load(self, *images: str) -> None:
        """Let pods use images of the local container engine.

        Raises:
            NotPossibleHere: this provider runs no pods.
        """
