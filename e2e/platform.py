"""Where a scenario runs: a namespace of a cluster, or a laptop. A scenario is written once, against this."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from e2e.load import Users
from e2e.models import Model

Status = dict[str, Any]
Condition = Callable[[Status], Any]

WITHIN = 180.0
"""Seconds that a change may take on a busy machine; a scenario that waits so long is stuck, not slow."""
POLL_SECONDS = 0.2

ROLLOUT: dict[str, Any] = {
    "steps": [
        {"weight": 10, "minDuration": "2s", "maxDuration": "60s"},
        {"weight": 50, "minDuration": "2s", "maxDuration": "60s"},
    ],
    "analysis": {"interval": "1s", "negligible": "0.03"},
    "bake": {"duration": "3s"},
}
"""Short steps: some 120 clean requests show that a candidate is safe."""

HELD: dict[str, Any] = {**ROLLOUT, "steps": [{"weight": 10, "minDuration": "10m", "maxDuration": "20m"}]}
"""Goes on only when somebody asks it to."""


class Place(Protocol):
    """A place where models are served, empty when a scenario gets it and taken away after it."""

    def apply(self, name: str, model: Model, **spec: Any) -> None:
        """Say what should be served under this name; `spec` adds to the resource's or replaces in it."""

    def delete(self, name: str) -> None:
        """Ask for it to be gone."""

    def status(self, name: str) -> Status:
        """The resource's status; empty when there is none."""

    def users(self, name: str, *, rate: float) -> AbstractContextManager[Users]:
        """Users of a model for the time of a `with`."""

    def kill_fairway(self) -> None:
        """SIGKILL for what decides; it starts anew by itself or is started anew."""


def until(place: Place, name: str, condition: Condition, *, why: str, within: float = WITHIN) -> Status:
    """The first status that fulfils the condition.

    Raises:
        AssertionError: none did in time; it carries the last one.
    """
    end = time.monotonic() + within
    while True:
        status = place.status(name)
        if condition(status):
            return status
        assert time.monotonic() < end, f"waited {within:.0f} s until {why}; it stands at {brief(status)}"
        time.sleep(POLL_SECONDS)


def brief(status: Status) -> str:
    """What a person needs of a status to see where it stands."""
    found = {key: status.get(key) for key in ("phase", "message", "stable", "candidate", "rejected")}
    unwell = [
        f"{one['type']}={one['status']} {one['reason']}: {one['message']}"
        for one in status.get("conditions") or ()
        if one["type"] in {"Ready", "Available", "Degraded", "Stalled"}
    ]
    return f"{found} {unwell}"


def revision_of(status: Status, model: Model) -> str | None:
    """The revision that serves this model, if there is one."""
    names = [one["name"] for one in status.get("revisions") or () if one["sha256"] == model.sha256]
    return names[-1] if names else None


def live(model: Model) -> Condition:
    """This model is the stable one, and nothing else is on its way."""

    def condition(status: Status) -> bool:
        name = revision_of(status, model)
        settled = status.get("phase") == "Stable" and not status.get("candidate")
        return name is not None and name == status.get("stable") and settled and is_true(status, "Ready")

    return condition


def sent_back(model: Model) -> Condition:
    """This model was rejected and has no requests any more."""

    def condition(status: Status) -> bool:
        name = revision_of(status, model)
        return name in (status.get("rejected") or ()) and status.get("phase") == "RolledBack"

    return condition


def in_phase(*phases: str) -> Condition:
    return lambda status: status.get("phase") in phases


def is_true(status: Status, kind: str) -> bool:
    return any(c["type"] == kind and c["status"] == "True" for c in status.get("conditions") or ())


def words(status: Status) -> str:
    """All that the conditions say, in one text."""
    return "\n".join(f"{c['type']} {c['reason']} {c['message']}" for c in status.get("conditions") or ())
