"""What is known of the cluster: told by watches, by full lists and by the answers to our own writes.

Versions are compared as numbers, which Kubernetes promises for objects of one kind. The newest version of an
object wins, wherever it came from; what was deleted stays deleted however late an old list comes in.

A watch can be deaf without anybody noticing. So whatever becomes known by other means is expected from the
watch as well: `oldest_expected` tells since when the watch owes something. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fairway.adapters.kube.kinds import Kind, Obj

Changed = Callable[[Kind, Obj], None]
"""Told of every object that is new, newer or gone."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    namespace: str
    name: str


@dataclass
class Cache:
    """The newest known version of every object, by kind.

    Attributes:
        on_change: see `Changed`.
        watched_kinds: those that a watch tells of.
    """

    on_change: Changed = lambda _kind, _obj: None
    watched_kinds: frozenset[Kind] = frozenset()
    _objects: dict[Kind, dict[Key, Obj]] = field(default_factory=dict)
    _gone: dict[Kind, dict[Key, int]] = field(default_factory=dict)
    _expected: dict[tuple[Kind, Key], tuple[int, float]] = field(default_factory=dict)

    def get(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """One object; None when it is not known, which is not the same as gone."""
        return self._objects.get(kind, {}).get(Key(namespace, name))

    def select(self, kind: Kind, namespace: str | None, labels: dict[str, str]) -> list[Obj]:
        """All known objects of a kind with these labels; None for all namespaces."""
        return [obj for obj in self._all(kind) if _matches(obj, namespace, labels)]

    def watched(self, kind: Kind, event: str | None, obj: Obj) -> None:
        """A watch said so. `event` is DELETED or anything else."""
        key, version = key_of(obj), version_of(obj)
        owed = self._expected.get((kind, key))
        if owed is not None and version >= owed[0]:
            del self._expected[kind, key]
        if event == "DELETED":
            self.deleted(kind, obj)
        else:
            self._put(kind, obj)

    def written(self, kind: Kind, obj: Obj, now: float) -> None:
        """The API server answered with it."""
        if self._put(kind, obj):
            self._expect(kind, obj, now)

    def listed(
        self, kind: Kind, items: tuple[Obj, ...], list_version: str, namespace: str | None, now: float
    ) -> None:
        """A full list of a kind: what is not on it is gone, unless it is younger than the list.

        Args:
            kind: which kind.
            items: all its objects.
            list_version: of the list itself.
            namespace: that the list is of; None for all.
            now: seconds of the loop's clock.
        """
        for obj in items:
            if self._put(kind, obj):
                self._expect(kind, obj, now)
        on_it, version = {key_of(obj) for obj in items}, int(list_version)
        for obj in list(self._all(kind)):
            inside = namespace is None or obj["metadata"]["namespace"] == namespace
            if inside and key_of(obj) not in on_it and version_of(obj) <= version:
                self._remove(kind, obj, version)
        gone = self._gone.get(kind, {})
        for key in [key for key, at in gone.items() if at < version]:
            del gone[key]

    def deleted(self, kind: Kind, obj: Obj) -> None:
        """It is gone; this is its last version."""
        known = self._objects.get(kind, {}).get(key_of(obj))
        if known is None or version_of(known) <= version_of(obj):
            self._remove(kind, obj, version_of(obj))

    def oldest_expected(self, now: float) -> float:
        """Seconds for which the watches have owed something; 0 when they owe nothing."""
        return max((now - since for _, since in self._expected.values()), default=0.0)

    def expect_nothing(self) -> None:
        """The watches start anew, with full lists."""
        self._expected.clear()

    def _all(self, kind: Kind) -> Iterator[Obj]:
        return iter(list(self._objects.get(kind, {}).values()))

    def _put(self, kind: Kind, obj: Obj) -> bool:
        key, version = key_of(obj), version_of(obj)
        objects = self._objects.setdefault(kind, {})
        known = objects.get(key)
        if known is not None and version_of(known) >= version:
            return False
        if self._gone.get(kind, {}).get(key, -1) >= version:
            return False
        objects[key] = obj
        self.on_change(kind, obj)
        return True

    def _remove(self, kind: Kind, obj: Obj, version: int) -> None:
        key = key_of(obj)
        self._objects.get(kind, {}).pop(key, None)
        self._expected.pop((kind, key), None)
        gone = self._gone.setdefault(kind, {})
        gone[key] = max(gone.get(key, -1), version)
        self.on_change(kind, obj)

    def _expect(self, kind: Kind, obj: Obj, now: float) -> None:
        if kind not in self.watched_kinds:
            return
        before = self._expected.get((kind, key_of(obj)))
        self._expected[kind, key_of(obj)] = (version_of(obj), now if before is None else before[1])


def key_of(obj: Obj) -> Key:
    """Namespace and name."""
    return Key(obj["metadata"]["namespace"], obj["metadata"]["name"])


def version_of(obj: Obj) -> int:
    """Its version as a number."""
    return int(obj["metadata"]["resourceVersion"])


def _matches(obj: Obj, namespace: str | None, labels: dict[str, str]) -> bool:
    metadata = obj["metadata"]
    if namespace is not None and metadata["namespace"] != namespace:
        return False
    has = metadata.get("labels") or {}
    return all(has.get(name) == value for name, value in labels.items())
