"""The life of a rollout as a table.

Rule 1: every transition stands in `TRANSITIONS`, and nowhere else.
Rule 2: this file does not know what makes an event happen (`detect`) or what follows from one (`advance`).

An event that a phase does not list cannot happen in it. Safety comes before progress in the order of `Event`:
when several would fit, the first one wins, so an abort beats a promotion that is decided in the same moment.
The diagram in the docs is generated from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from fairway.api.status import Phase


class Event(StrEnum):
    # Back to safety.
    ABORTED = "Aborted"
    REGRESSION = "Regression"
    CANDIDATE_LOST = "CandidateLost"
    GAVE_UP = "GaveUp"
    REVERTED = "Reverted"
    SUPERSEDED = "Superseded"
    NEVER_READY = "NeverReady"
    REFUSED = "Refused"
    # The way back has been gone.
    CLEARED_TO_STABLE = "ClearedToStable"
    CLEARED_TO_NOTHING = "ClearedToNothing"
    CLEARED_TO_NEXT = "ClearedToNext"
    CLEARED_REJECTED = "ClearedRejected"
    # Holding.
    HELD = "Held"
    # Forward.
    NEW_REVISION = "NewRevision"
    FIRST_READY = "FirstReady"
    READY = "Ready"
    WARMED = "Warmed"
    PROMOTE_FULL = "PromoteFull"
    STEP_FORCED = "StepForced"
    RELEASED = "Released"
    STEP_PASSED = "StepPassed"
    LAST_STEP_PASSED = "LastStepPassed"
    PROMOTED = "Promoted"
    BAKED = "Baked"


_BACK = dict.fromkeys(
    (Event.ABORTED, Event.CANDIDATE_LOST, Event.REVERTED, Event.SUPERSEDED), Phase.ROLLING_BACK
)
_BACK_BY_EVIDENCE = {**_BACK, Event.REGRESSION: Phase.ROLLING_BACK}
_START = {Event.NEW_REVISION: Phase.PROVISIONING, Event.REVERTED: Phase.STABLE}

TRANSITIONS: Mapping[Phase, Mapping[Event, Phase]] = MappingProxyType(
    {
        Phase.PENDING: {Event.NEW_REVISION: Phase.PROVISIONING},
        Phase.PROVISIONING: {
            Event.ABORTED: Phase.ROLLING_BACK,
            Event.REVERTED: Phase.ROLLING_BACK,
            Event.SUPERSEDED: Phase.ROLLING_BACK,
            Event.NEVER_READY: Phase.FAILED,
            Event.FIRST_READY: Phase.STABLE,
            Event.READY: Phase.WARMING,
        },
        Phase.WARMING: {**_BACK, Event.WARMED: Phase.CANARY},
        Phase.CANARY: {
            **_BACK_BY_EVIDENCE,
            Event.GAVE_UP: Phase.ROLLING_BACK,
            Event.HELD: Phase.PAUSED,
            Event.PROMOTE_FULL: Phase.PROMOTING,
            Event.STEP_FORCED: Phase.CANARY,
            Event.STEP_PASSED: Phase.CANARY,
            Event.LAST_STEP_PASSED: Phase.PROMOTING,
        },
        Phase.PAUSED: {
            **_BACK_BY_EVIDENCE,
            Event.PROMOTE_FULL: Phase.PROMOTING,
            Event.STEP_FORCED: Phase.CANARY,
            Event.RELEASED: Phase.CANARY,
        },
        Phase.PROMOTING: {**_BACK_BY_EVIDENCE, Event.PROMOTED: Phase.BAKING},
        Phase.BAKING: {**_BACK_BY_EVIDENCE, Event.BAKED: Phase.STABLE},
        Phase.ROLLING_BACK: {
            Event.CLEARED_TO_STABLE: Phase.STABLE,
            Event.CLEARED_TO_NOTHING: Phase.PENDING,
            Event.CLEARED_TO_NEXT: Phase.PROVISIONING,
            Event.CLEARED_REJECTED: Phase.ROLLED_BACK,
        },
        Phase.STABLE: {Event.REFUSED: Phase.ROLLED_BACK, Event.NEW_REVISION: Phase.PROVISIONING},
        Phase.ROLLED_BACK: _START,
        Phase.FAILED: _START,
    }
)

WITH_CANDIDATE = frozenset(
    {
        Phase.PROVISIONING,
        Phase.WARMING,
        Phase.CANARY,
        Phase.PAUSED,
        Phase.PROMOTING,
        Phase.BAKING,
        Phase.ROLLING_BACK,
    }
)
"""A candidate exists in exactly these phases."""

WATCHED = frozenset({Phase.CANARY, Phase.PAUSED, Phase.PROMOTING, Phase.BAKING})
"""Guardrails run in exactly these phases: wherever a candidate may answer users."""


def mermaid() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.PENDING}"]
    for source, row in TRANSITIONS.items():
        targets: dict[Phase, list[str]] = {}
        for event, target in row.items():
            targets.setdefault(target, []).append(event)
        lines += [f"    {source} --> {target}: {', '.join(events)}" for target, events in targets.items()]
    return "\n".join(lines) + "\n"
