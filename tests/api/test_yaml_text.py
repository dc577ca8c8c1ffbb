from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.api.errors import ManifestError, Problem
from fairway.api.yaml_text import MAX_CHARACTERS, MAX_VALUES, dotted, read_documents

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ-_", min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


def read(text: str) -> Any:
    (document,) = read_documents(text, "a.yaml")
    return document.value


def problem(text: str) -> Problem:
    with pytest.raises(ManifestError) as caught:
        read_documents(text, "a.yaml")
    (only,) = caught.value.errors
    assert only.source == "a.yaml"
    return only


@settings(deadline=None)
@given(json_values.filter(lambda value: value is not None))
def test_every_json_value_written_as_yaml_is_read_back(value: Any) -> None:
    assert read(yaml.safe_dump(value)) == value


def test_documents_without_content_are_left_out() -> None:
    assert [d.value for d in read_documents("---\n# nothing\n---\na: 1\n---\n", "a.yaml")] == [{"a": 1}]


def test_a_date_stays_text() -> None:
    assert read("when: 2024-05-06") == {"when": "2024-05-06"}


def test_an_anchor_stands_for_what_it_marks() -> None:
    assert read("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_merge_key_gives_way_to_what_is_written() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 9}"
    assert read(text)["c"] == yaml.safe_load(text)["c"] == {"x": 9, "y": 1, "z": 2}


def test_every_place_knows_its_line() -> None:
    (document,) = read_documents("# first\na:\n  b:\n  - 1\n  - c: 2\n", "a.yaml")
    assert document.line_of(()) == 2
    assert document.line_of(("a", "b")) == 3
    assert document.line_of(("a", "b", 1, "c")) == 5


def test_a_place_that_was_not_written_has_the_line_of_what_is_around_it() -> None:
    (document,) = read_documents("a:\n  b: 1\n", "a.yaml")
    assert document.line_of(("a", "missing", 3)) == 1


def test_lines_count_on_through_the_documents_of_a_file() -> None:
    _, second = read_documents("a: 1\n---\nb: 2\n", "a.yaml")
    assert second.line_of(("b",)) == 3


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a", "is written twice; the first is on line 1"),
        ("x:\n- a: 1\n- b: 1\n  b: 2\n", 4, "x[1].b", "is written twice; the first is on line 3"),
        ("a: 1\nb: [\n", 3, "", "not YAML"),
        ("a: b: c", 1, "", "not YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1", 2, "", "not YAML"),
        ("a: *nowhere", 1, "", "not YAML: found undefined alias"),
        ("a: 1\nb: \x07", 2, "", "a character that is not text"),
        ("a: !!python/object/apply:os.system [ls]", 1, "a", "the tag tag:yaml.org,2002:python/object/apply"),
        ("a: !secret x", 1, "a", "the tag !secret is not allowed"),
        ("a: !!binary aGk=", 1, "a", "is not allowed"),
        ("a: !!set {x}", 1, "a", "is not allowed"),
        ("a: !!int x", 1, "a", "x is not a value that JSON can hold"),
        ("a: !!bool 7", 1, "a", "7 is not a value that JSON can hold"),
        ("a: .nan", 1, "a", "is not a value that JSON can hold"),
        ("a: 1\nb: -.inf", 2, "b", "is not a value that JSON can hold"),
        (f"a: {'9' * 5000}", 1, "a", "is not a value that JSON can hold"),
        ("1: a", 1, "", "a key must be text, not 1; put it in quotes"),
        ("a:\n  on: b", 2, "a", "a key must be text, not on; put it in quotes"),
        ("? [a]\n: b", 1, "", "a key must be text"),
        ("a: &x [*x]", 1, "a[0]", "the anchor contains itself"),
        ("a: {<<: 1}", 1, "a", "<< merges mappings only"),
    ],
)  # fmt: skip
def test_what_would_surprise_is_refused_with_its_line(text: str, line: int, path: str, words: str) -> None:
    found = problem(text)
    assert (found.line, found.path) == (line, path)
    assert words in found.message


def test_anchors_that_unfold_without_end_are_stopped_early() -> None:
    """Each line holds the one before it nine times: 10^9 values from half a kilobyte."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert f"more than {MAX_VALUES} values" in problem("\n".join(lines)).message


def test_deep_nesting_is_refused() -> None:
    assert problem("[" * 600 + "]" * 600).message == "is nested too deeply"


def test_a_text_of_unusual_size_is_not_even_parsed() -> None:
    assert "more than" in problem("a" * (MAX_CHARACTERS + 1)).message


def test_a_place_is_written_as_kubernetes_writes_it() -> None:
    assert dotted(("spec", "steps", 0, "weight")) == "spec.steps[0].weight"
    assert dotted((0, "a")) == "[0].a"
    assert dotted(()) == ""
