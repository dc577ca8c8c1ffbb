"""Exit codes: what a CI job may rely on. They never change their meaning."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    """The asked revision is stable and baked."""
    ERROR = 1
    """Something went wrong that says nothing about the model."""
    USAGE = 2
    """The command or the manifest is wrong."""
    ROLLED_BACK = 3
    """The evidence spoke against the revision, or its server died."""
    NEVER_READY = 4
    """The revision never got ready: it cannot be read, loaded or routed to."""
    TIMEOUT = 5
    """Still running when the time was up; the rollout goes on."""
    PAUSED = 6
    """Held by a person or a gate."""
    SUPERSEDED = 7
    """A newer spec took its place."""
    ABORTED = 8
    """A person sent it back."""
    INCONCLUSIVE = 9
    """No verdict within the time given for one; a person has to decide."""
    TELEMETRY_LOST = 10
    """The counters cannot be read; the rollout is held."""
    INTERRUPTED = 130
    """Ctrl-C; the rollout goes on."""
