"""Chooses the models' ports on the routers: unique in a namespace, also while one is not stored yet."""

from __future__ import annotations

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.kinds import MODEL
from fairway.driver.ports import Ref

LAST_PORT = 65000


class Ports:
    """Ports that are stored in a status, and those that were offered to a tick and may be stored soon."""

    def __init__(self, cache: Cache, first: int) -> None:
        self._cache = cache
        self._first = first
        self._reserved: dict[Ref, int] = {}

    def reserve(self, ref: Ref) -> int | None:
        """A port for this model; the same one until it is released. None when all are taken."""
        stored = {
            status.get("port"): md["metadata"]["name"]
            for md in self._cache.select(MODEL, ref.namespace, {})
            if (status := md.get("status"))
        }
        known = self._reserved.get(ref)
        if known is not None and stored.get(known, ref.name) == ref.name:
            return known
        taken = stored.keys() | {port for other, port in self._reserved.items() if _other(other, ref)}
        found = next((port for port in range(self._first, LAST_PORT + 1) if port not in taken), None)
        if found is not None:
            self._reserved[ref] = found
        return found

    def release(self, ref: Ref) -> None:
        """The model is gone."""
        self._reserved.pop(ref, None)


def _other(other: Ref, ref: Ref) -> bool:
    return other.namespace == ref.namespace and other.name != ref.name
