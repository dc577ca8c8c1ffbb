"""What became of the requests, as their users saw it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace


@dataclass
class Counts:
    """Answers of one revision; "" stands for answers that name none, such as the router's own.

    requests: answers of any status.
    server_errors: status 5xx.
    other_status: any other status that is not 2xx.
    checked, right: answers whose label was compared with the truth, and those that were right.
    """

    requests: int = 0
    server_errors: int = 0
    other_status: int = 0
    checked: int = 0
    right: int = 0

    @property
    def failures(self) -> int:
        return self.server_errors + self.other_status

    @property
    def accuracy(self) -> float | None:
        """Share of right answers among those checked; None when none was."""
        return self.right / self.checked if self.checked else None


@dataclass
class Tally:
    """Counts since the start.

    lost: requests whose connection broke before the answer.
    timed_out: requests without an answer within the time limit.
    unreadable: requests whose answer was not HTTP as we know it.
    refused: attempts to connect that failed.
    reconnects: connections opened to replace one that had ended.
    """

    revisions: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    lost: int = 0
    timed_out: int = 0
    unreadable: int = 0
    refused: int = 0
    reconnects: int = 0

    @property
    def requests(self) -> int:
        """Requests that ended, well or not."""
        return sum(counts.requests for counts in self.revisions.values()) + self._unanswered

    @property
    def failures(self) -> int:
        """Requests that a user would call failed, attempts to connect among them."""
        return sum(counts.failures for counts in self.revisions.values()) + self._unanswered + self.refused

    @property
    def _unanswered(self) -> int:
        return self.lost + self.timed_out + self.unreadable

    def answer(self, revision: str, status: int) -> Counts:
        """Count one answer."""
        counts = self.revisions[revision]
        counts.requests += 1
        if not 200 <= status < 300:
            if status >= 500:
                counts.server_errors += 1
            else:
                counts.other_status += 1
        return counts

    def copy(self) -> Tally:
        """The counts of this moment, which later answers do not change."""
        revisions = defaultdict(Counts, {name: replace(counts) for name, counts in self.revisions.items()})
        return replace(self, revisions=revisions)
