"""What lasts and that no event tells of: said once, when it begins."""

from __future__ import annotations

from fairway.api.status import ConditionStatus, Status
from fairway.core.model import Notice, Severity

_LASTING = frozenset(
    {
        "ModelNotReadable",
        "ModelDigestMismatch",
        "ModelContentChanged",
        "RouteRejected",
        "StableNotReady",
    }
)


def troubles(status: Status) -> dict[str, Notice]:
    """The notices that the conditions are worth, by reason."""
    conditions = (status.condition(kind) for kind in ("Stalled", "Degraded"))
    return {
        c.reason: Notice(c.reason, c.message, Severity.WARNING)
        for c in conditions
        if c is not None and c.status is ConditionStatus.TRUE and c.reason in _LASTING
    }
