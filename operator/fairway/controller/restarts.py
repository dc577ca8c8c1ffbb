"""Counts restarts of a revision's servers so that the count only grows, though pods come and go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fairway.adapters.kube.kinds import Obj
from fairway.driver.ports import Ref


@dataclass
class Restarts:
    """What was ever seen by this process; a new process starts with the pods that are there."""

    _seen: dict[Ref, dict[str, dict[str, int]]] = field(default_factory=dict)

    def count(self, ref: Ref, revision: str, pods: Iterable[Obj]) -> int:
        """Restarts of all pods that this revision ever had."""
        seen = self._seen.setdefault(ref, {}).setdefault(revision, {})
        for pod in pods:
            statuses = pod.get("status", {}).get("containerStatuses") or ()
            restarts = sum(int(status.get("restartCount", 0)) for status in statuses)
            uid = pod["metadata"]["uid"]
            seen[uid] = max(restarts, seen.get(uid, 0))
        return sum(seen.values())

    def forget(self, ref: Ref) -> None:
        """The model is gone."""
        self._seen.pop(ref, None)
