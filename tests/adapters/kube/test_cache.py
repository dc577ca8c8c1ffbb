from __future__ import annotations

from typing import Any

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.kinds import POD, SERVICE, Kind

Obj = dict[str, Any]


def make(name: str = "a", version: int = 1, namespace: str = "n", **labels: str) -> Obj:
    return {
        "metadata": {"namespace": namespace, "name": name, "resourceVersion": str(version), "labels": labels}
    }


def known(cache: Cache, name: str = "a") -> str | None:
    found = cache.get(POD, "n", name)
    return found["metadata"]["resourceVersion"] if found else None


def test_the_newest_version_wins_wherever_it_comes_from() -> None:
    cache = Cache()
    cache.written(POD, make(version=5), now=0)
    cache.watched(POD, "MODIFIED", make(version=3))
    cache.listed(POD, (make(version=4),), "4", None, now=0)
    assert known(cache) == "5"


def test_what_is_deleted_stays_deleted_when_an_old_list_comes_in() -> None:
    cache = Cache()
    cache.watched(POD, "ADDED", make(version=3))
    cache.watched(POD, "DELETED", make(version=7))
    cache.listed(POD, (make(version=3),), "5", None, now=0)
    assert known(cache) is None


def test_what_is_made_anew_under_an_old_name_is_known() -> None:
    cache = Cache()
    cache.watched(POD, "DELETED", make(version=7))
    cache.watched(POD, "ADDED", make(version=9))
    assert known(cache) == "9"


def test_a_late_word_of_a_deletion_does_not_take_away_its_successor() -> None:
    cache = Cache()
    cache.written(POD, make(version=9), now=0)
    cache.watched(POD, "DELETED", make(version=7))
    assert known(cache) == "9"


def test_what_is_not_on_a_list_is_gone_unless_it_is_younger() -> None:
    cache = Cache()
    cache.watched(POD, "ADDED", make("old", 3))
    cache.written(POD, make("young", 12), now=0)
    cache.listed(POD, (), "10", None, now=0)
    assert (known(cache, "old"), known(cache, "young")) == (None, "12")


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    cache = Cache()
    cache.watched(POD, "ADDED", make(version=3))
    cache.listed(POD, (), "10", "elsewhere", now=0)
    assert known(cache) == "3"


def test_only_changes_are_told() -> None:
    told: list[tuple[Kind, str]] = []
    cache = Cache(lambda kind, obj: told.append((kind, obj["metadata"]["name"])))
    cache.watched(POD, None, make(version=3))
    cache.watched(POD, "MODIFIED", make(version=3))
    cache.listed(POD, (make(version=3),), "9", None, now=0)
    assert told == [(POD, "a")]


def test_a_watch_owes_what_became_known_by_other_means() -> None:
    cache = Cache(watched_kinds=frozenset({POD}))
    cache.written(POD, make(version=3), now=10)
    cache.listed(POD, (make(version=5),), "5", None, now=30)
    assert cache.oldest_expected(now=60) == 50
    cache.watched(POD, "MODIFIED", make(version=4))
    assert cache.oldest_expected(now=60) == 50
    cache.watched(POD, "MODIFIED", make(version=5))
    assert cache.oldest_expected(now=60) == 0


def test_nothing_is_owed_for_what_nobody_watches_or_what_is_gone() -> None:
    cache = Cache(watched_kinds=frozenset({POD}))
    cache.written(SERVICE, make(version=3), now=0)
    cache.written(POD, make(version=3), now=0)
    cache.watched(POD, "DELETED", make(version=8))
    assert cache.oldest_expected(now=60) == 0


def test_objects_are_found_by_namespace_and_labels() -> None:
    cache = Cache()
    cache.watched(POD, "ADDED", make("a", tier="x"))
    cache.watched(POD, "ADDED", make("b", tier="y"))
    cache.watched(POD, "ADDED", make("c", namespace="m", tier="x"))
    assert [o["metadata"]["name"] for o in cache.select(POD, "n", {"tier": "x"})] == ["a"]
    assert len(cache.select(POD, None, {"tier": "x"})) == 2
