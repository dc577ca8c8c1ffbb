from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from fairway.adapters.kube.same import APPLIED, covers, stamped


class Case(NamedTuple):
    why: str
    live: Any
    wanted: Any
    same: bool


CASES = (
    Case("defaults that the server added do not matter", {"a": 1, "b": 2}, {"a": 1}, True),
    Case("a value that differs does", {"a": 1}, {"a": 2}, False),
    Case("a field that is missing does", {}, {"a": None}, False),
    Case("lists without keys are compared from end to end", ["a", "b"], ["a"], False),
    Case("and in order", ["a", "b"], ["b", "a"], False),
    Case(
        "items of a keyed list are found by their key, and may have defaults",
        [{"name": "x", "v": 1, "d": 0}, {"name": "theirs"}],
        [{"name": "x", "v": 1}],
        True,
    ),
    Case("an item that differs is seen", [{"name": "x", "v": 2}], [{"name": "x", "v": 1}], False),
    Case("an item that is missing is seen", [{"name": "y"}], [{"name": "x"}], False),
    Case(
        "owners are found by uid in any order",
        [{"uid": "2"}, {"uid": "1"}],
        [{"uid": "1"}, {"uid": "2"}],
        True,
    ),
    Case("a list that should be empty is", [], [], True),
    Case("a list that should be empty is not", ["x"], [], False),
    Case("another type differs", "text", {"a": 1}, False),
    Case("true is not one", {"a": 1}, {"a": [1]}, False),
    Case("an amount is what it means", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, True),
    Case("and not something else", {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1001m"}}, False),
    Case(
        "an amount that is missing is seen", {"requests": {"cpu": "1"}}, {"requests": {"memory": "1"}}, False
    ),
    Case("a size is an amount", {"sizeLimit": "1Gi"}, {"sizeLimit": "1024Mi"}, True),
    Case("only where amounts stand", {"args": ["1"], "value": "1"}, {"args": ["1"], "value": "1000m"}, False),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_an_object_is_compared_with_what_is_wanted(case: Case) -> None:
    assert covers(case.live, case.wanted) is case.same


def test_a_field_that_is_not_wanted_any_more_is_noticed_by_the_fingerprint() -> None:
    before = stamped({"metadata": {"name": "x"}, "spec": {"a": 1, "b": 2}})
    after = stamped({"metadata": {"name": "x"}, "spec": {"a": 1}})
    assert covers(before["spec"], after["spec"])
    assert not covers(before, after)
    assert before["metadata"]["annotations"][APPLIED] != after["metadata"]["annotations"][APPLIED]


def test_the_order_of_keys_makes_no_other_fingerprint() -> None:
    one = stamped({"metadata": {"name": "x"}, "spec": {"a": 1, "b": 2}})
    other = stamped({"spec": {"b": 2, "a": 1}, "metadata": {"name": "x"}})
    assert one == other
