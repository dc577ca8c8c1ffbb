"""What engines have in common whose servers are pods that Fairway renders itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from fairway.core.model import Workload
from fairway.render.kube.kind import DEPLOYMENT, SERVICE, Kind
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.scaling import RIGHTS as SCALING_RIGHTS
from fairway.render.kube.scaling import SCALING_KINDS
from fairway.render.kube.server_pods import PLACE, RIGHTS, server_pods
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.protocols import Place, ProcessSpec
from fairway.render.rights import Right


class OwnPods(ABC):
    """Everything of an engine but the command line of its server: see `fairway.render.protocols.Engine`."""

    rights: ClassVar[tuple[Right, ...]] = (*RIGHTS, *SCALING_RIGHTS)
    kinds: ClassVar[tuple[Kind, ...]] = (*SCALING_KINDS, DEPLOYMENT, SERVICE)
    fatal_exit_codes: ClassVar[frozenset[int]] = frozenset()

    @abstractmethod
    def process(self, workload: Workload, place: Place) -> ProcessSpec:
        """The server of this revision as one process."""

    def refusal(self, _owner: Owner, _workload: Workload) -> str | None:
        """Nothing is refused: a name that the API server takes for the model fits what is made of it."""
        return None

    def objects(self, owner: Owner, workload: Workload, settings: ServerSettings) -> tuple[Manifest, ...]:
        """A Deployment, and the Service that lists its pods."""
        place = replace(PLACE, model=PLACE.model / workload.revision.sha256)
        return server_pods(owner, workload, settings, self.process(workload, place))

    def scaled(self, obj: Manifest, _replicas: int) -> Manifest:
        """As it is: how many pods a Deployment has is not applied with it, see `render.kube.scaling`."""
        return obj

    def deployment(self, revision: str) -> str:
        """It has the revision's name."""
        return revision

    def last_words(self, _objects: Iterable[Manifest]) -> str:
        """The Deployment and its pods say it all."""
        return ""
