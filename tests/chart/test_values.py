"""What may be chosen, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chart.helm import CHART, DEFAULTS, EVERYTHING, VALUE_SETS, Helm, leaves
from fairway.render.rbac import engine_rights

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
FREE = {"global"}  # Helm's own


def described(schema: dict[str, Any], path: str = "") -> set[str]:
    """The dotted path of every value that the schema names."""
    name = schema.get("$ref", "").rpartition("/")[2]
    whole = SCHEMA["definitions"][name] if name else schema
    if not whole.get("properties"):
        return {path}
    below = (described(one, f"{path}.{key}".removeprefix(".")) for key, one in whole["properties"].items())
    return {one for found in below for one in found}


def test_the_schema_names_each_default_and_nothing_else() -> None:
    """So a misspelt name is refused, and a value that does nothing cannot stay."""
    named = {path for path in described(SCHEMA) if path not in FREE}
    given = set(leaves(DEFAULTS))
    assert {path for path in named if not any(one.startswith(f"{path}.") for one in given)} == {
        path for path in given if not any(path.startswith(f"{one}.") for one in named)
    }


def test_the_largest_set_of_values_leaves_nothing_at_its_default() -> None:
    """What it renders is checked in many ways; a value that is missing there would be checked in none."""
    defaults = leaves(DEFAULTS)
    chosen = leaves(EVERYTHING)
    switches = {path for path, value in defaults.items() if value is True}  # off, they would hide the rest
    images = {path for path in defaults if ".image." in path}  # a digest hides a tag
    pointless = set() if engine_rights() else {"engines"}
    unchosen = {
        path
        for path in defaults.keys() - switches - images - pointless
        if not any(one == path or one.startswith(f"{path}.") for one in chosen)
        or chosen.get(path) == defaults[path]
    }
    assert unchosen == set()


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_lint_finds_nothing(helm: Helm, values: dict[str, Any]) -> None:
    done = helm.run("lint", "--strict", "--kube-version=1.34.0", str(CHART), values=values)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout + done.stderr


REFUSED = {
    "a misspelt name": ({"operator": {"replica": 3}}, "additional properties 'replica' not allowed"),
    "a word for a number": (
        {"operator": {"replicas": "two"}},
        "'/operator/replicas': got string, want integer",
    ),
    "no operator at all": ({"operator": {"replicas": 0}}, "minimum: got 0, want 1"),
    "a digest that is none": (
        {"onnx": {"image": {"digest": "latest"}}},
        "'/onnx/image/digest': 'latest' does not match pattern",
    ),
    "a single namespace": ({"namespaces": "payments"}, "'/namespaces': got string, want array"),
    "a namespace that cannot be": (
        {"namespaces": ["Payments"]},
        "'/namespaces/0': 'Payments' does not match",
    ),
    "the same namespace twice": ({"namespaces": ["a", "a"]}, "'/namespaces': items at 0 and 1 are equal"),
    "an unknown level of logs": ({"operator": {"logLevel": "chatty"}}, "must be one of 'DEBUG', 'INFO'"),
    "a port that is none": ({"networkPolicy": {"apiServer": {"ports": [70000]}}}, "maximum: got 70,000"),
    "an API server without a port": ({"networkPolicy": {"apiServer": {"ports": []}}}, "minItems: got 0"),
    "a resync that is too rare": ({"operator": {"resyncSeconds": 600}}, "maximum: got 600, want 60"),
    "a label that is a number": ({"commonLabels": {"a": 1}}, "'/commonLabels/a': got number, want string"),
}


@pytest.mark.parametrize(("values", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_value_is_refused_with_its_place(helm: Helm, values: dict[str, Any], words: str) -> None:
    assert words in helm.refusal(values)


def test_an_engine_that_there_is_not_is_refused(helm: Helm) -> None:
    assert 'engines: "Typewriter" is not among' in helm.refusal({"engines": ["Typewriter"]})


def test_a_cluster_that_is_too_old_is_refused(helm: Helm) -> None:
    done = helm.run("template", "fairway", str(CHART), "--kube-version=1.29.0")
    assert "chart requires kubeVersion: >=1.30.0-0" in done.stderr
