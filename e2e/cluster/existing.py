"""A cluster that somebody else made: nothing is created, nothing is taken away."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster.errors import NotPossibleHere
from e2e.cluster.provider import Cluster


class Kubeconfig:
    """Provider of whatever a kubeconfig leads to."""

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()

    def missing(self) -> str:
        return "" if self.file.is_file() else f"there is no {self.file}"

    def up(self) -> Cluster:
        if self.missing():
            raise NotPossibleHere(self.missing())
        return Cluster(self.file, runs_pods=True)

    def down(self) -> None:
        """Leave it as it is."""

    def load(self, *images: str) -> None:
        raise NotPossibleHere(
            f"push {', '.join(images)} to a registry that the cluster of {self.file} reads from"
        )
