"""Who writes: the rules of a lease, without a clock and without I/O.

Times are seconds of this process's own clock, which never goes back; other people's clocks are never
compared with it. A lease runs out when nobody has seen it renewed for as long as it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DURATION_SECONDS = 15
RENEW_DEADLINE_SECONDS = 10.0
"""So long after a renewal was sent we are surely the holder; the rest is for writes on their way."""
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What the API server stores. Whoever takes or renews the lease changes it."""

    holder: str = ""
    renewed: str = ""
    transitions: int = 0
    duration_seconds: int = DURATION_SECONDS


@dataclass(frozen=True, slots=True)
class LeaseView:
    """What one process knows about the lease.

    Attributes:
        me: how this process signs.
        seen: the record as it was seen last, and since when it looks like that.
        sent_at: when our last successful renewal was sent; None when we do not hold the lease.
    """

    me: str
    seen: LeaseRecord | None = None
    seen_at: float = 0.0
    sent_at: float | None = None

    def look(self, record: LeaseRecord, now: float) -> LeaseView:
        """The API server answered with this record."""
        view = self if record == self.seen else replace(self, seen=record, seen_at=now)
        return view if record.holder == self.me else replace(view, sent_at=None)

    def renewed(self, record: LeaseRecord, sent_at: float) -> LeaseView:
        """Our own write was accepted; it was sent at that time."""
        return replace(self, seen=record, seen_at=sent_at, sent_at=sent_at)

    def lost(self) -> LeaseView:
        """Whatever we had is not ours any more."""
        return replace(self, sent_at=None)

    def may_take(self, now: float) -> bool:
        """Whether nobody else can believe to hold it."""
        if self.seen is None or self.seen.holder in {"", self.me}:
            return True
        return now - self.seen_at > self.seen.duration_seconds

    def surely_ours(self, now: float) -> bool:
        """Whether a write that is sent now still ends within our time."""
        return self.sent_at is not None and now - self.sent_at < RENEW_DEADLINE_SECONDS

    def next_record(self, renewed: str) -> LeaseRecord:
        """What to write in order to take or renew it."""
        before = self.seen or LeaseRecord()
        taken = 0 if before.holder == self.me else 1
        return LeaseRecord(self.me, renewed, before.transitions + taken)
