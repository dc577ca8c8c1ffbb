"""One decision's inputs, gathered once and handed to every check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fairway.api.status import Revision, RolloutStatus, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import Capabilities, Observed, WorkloadHealth
from fairway.core.requests import Verb


@dataclass(frozen=True, slots=True)
class Situation:
    """What is asked, what is remembered and what is seen.

    Attributes:
        status: as remembered, with this look's counters already weighed.
        wanted: the revision that the spec stands for; None while its content is unknown.
        verb: what a user asked for just now, if anything.
    """

    md: ModelDeployment
    status: Status
    seen: Observed
    caps: Capabilities
    now: datetime
    wanted: Revision | None
    verb: Verb | None = None

    @property
    def rollout(self) -> RolloutStatus:
        """The record of the running rollout.

        Raises:
            ValueError: asked for while there is none; the table of phases rules that out.
        """
        if self.status.rollout is None:
            raise ValueError(f"{self.md.metadata.name} is in phase {self.status.phase} without a rollout")
        return self.status.rollout

    @property
    def candidate_health(self) -> WorkloadHealth:
        return self.seen.health(self.status.candidate)

    @property
    def wanted_name(self) -> str | None:
        return self.wanted.name if self.wanted else None
