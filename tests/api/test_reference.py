from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from api.schema_tools import fields
from fairway.api.crd import resource_schema
from fairway.api.manifests import load_manifests
from fairway.api.reference import CONDITIONS, reference_page
from fairway.core.conditions import CHAINS

SMALLEST = "kind: Smallest\n"
FULL = "kind: Full\n"
SCHEMA = resource_schema()


@pytest.fixture(scope="module")
def page() -> str:
    return reference_page(SMALLEST, FULL)


def _row(page: str, path: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{path}` |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("block", ["spec", "status"])
def test_every_field_has_a_row(page: str, block: str) -> None:
    for path, field in fields(SCHEMA["properties"][block], block):
        assert _row(page, path)[4].strip() == field.get("description", "")


def test_a_row_says_type_default_bounds_and_meaning(page: str) -> None:
    assert _row(page, "spec.rollout.steps[].weight") == [
        "`spec.rollout.steps[].weight`",
        "integer",
        "**required**",
        "1 to 99",
        "Percent of the requests for the candidate.",
    ]
    assert _row(page, "spec.traffic.timeouts.request")[1:3] == ["duration", "`30s`"]
    assert _row(page, "spec.rollout.analysis.alpha")[1:3] == ["decimal", "`0.05`"]
    assert _row(page, "spec.rollout.analysis.onNoTraffic")[3] == "`Advance`, `Hold`"
    assert _row(page, "spec.model.sha256")[3] == "64 hexadecimal digits in lower case"
    assert "`weight: 1, minDuration: 2m, maxDuration: 30m`" in _row(page, "spec.rollout.steps")[2]
    assert _row(page, "status.conditions[].lastTransitionTime")[1] == "time"


def test_every_rule_of_the_spec_is_told(page: str) -> None:
    rules = [
        rule["message"]
        for _, field in fields(SCHEMA["properties"]["spec"])
        for schema in (field, field.get("items", {}))
        if schema.get("type") == "object"
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    assert len(rules) > 5
    assert all(f"* {rule}." in page for rule in rules)


def test_both_examples_are_shown(page: str) -> None:
    assert f"```yaml\n{SMALLEST}```" in page
    assert f"```yaml\n{FULL}```" in page


def test_every_condition_that_the_operator_writes_is_explained() -> None:
    assert list(CONDITIONS) == list(CHAINS)


def test_a_table_row_never_breaks_on_a_bar(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows
    assert all(row.replace(r"\|", "").count("|") == 6 for row in rows)


def test_the_examples_of_the_committed_page_are_accepted() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/modeldeployment.md").read_text()
    examples = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    assert len(examples) == 2
    for example in examples:
        assert load_manifests(example, "page")[0].metadata.name == yaml.safe_load(example)["metadata"]["name"]
