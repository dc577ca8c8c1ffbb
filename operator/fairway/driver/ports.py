"""What `tick` needs from the world, so that it runs on a cluster, on a laptop and in a test alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fairway.api.status import Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import Capabilities, Decision, Needs, Notice, Observed


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Which ModelDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Store(Protocol):
    """Keeps the resources and what Fairway remembers about them."""

    async def read(self, ref: Ref) -> ModelDeployment | None:
        """The resource, in an old version at worst; None only when it is gone now, never from a cache."""

    async def remember(self, md: ModelDeployment, status: Status) -> ModelDeployment:
        """Store the status of exactly this version of the resource.

        Nothing is written when the status is the one it has; the version is checked all the same.

        Raises:
            Conflict: somebody wrote the resource since it was read.
        """


class Platform(Protocol):
    """Runs servers and routers."""

    @property
    def capabilities(self) -> Capabilities:
        """What this platform offers."""

    async def observe(self, md: ModelDeployment, ask: Needs) -> Observed:
        """Look at what is asked for. What cannot be read is a value, not an error.

        It may lag behind what happens by itself, never behind what Fairway did: a server started anew is not
        reported as its predecessor was, and `programmed` follows the order in which routes were applied.
        """

    async def apply(self, md: ModelDeployment, decision: Decision) -> None:
        """Bring servers and route to what is decided; sends nothing when nothing differs."""

    async def prune(self, ref: Ref, keep: frozenset[str]) -> None:
        """Take away this model's servers that are not in `keep`."""

    async def remove(self, ref: Ref) -> None:
        """Take away everything of a model that is gone."""

    def announce(self, md: ModelDeployment, notices: tuple[Notice, ...]) -> None:
        """Tell people."""
