from __future__ import annotations

import re

import pytest
import yaml

from api.bad_examples import BAD_EXAMPLES, SMALLEST, BadExample, By
from api.schema_tools import fields, refused
from fairway.api.crd import resource_schema
from fairway.api.errors import ManifestError
from fairway.api.manifests import load_manifests, load_object

SCHEMA = resource_schema()
# The rules of every place; "" is the root.
RULES = {
    place: [rule["message"] for rule in schema.get("x-kubernetes-validations", ())]
    for path, field in [("", SCHEMA), *fields(SCHEMA)]
    for place, schema in [(path, field), (f"{path}[]", field.get("items", {}))]
}


def examples(*by: By) -> pytest.MarkDecorator:
    chosen = [example for example in BAD_EXAMPLES if example.by in by]
    return pytest.mark.parametrize("example", chosen, ids=[example.name for example in chosen])


@examples(*By)
def test_is_refused_with_one_problem_at_its_place(example: BadExample) -> None:
    with pytest.raises(ManifestError) as caught:
        load_object(example.manifest)
    (problem,) = caught.value.errors
    assert problem.path == example.path
    assert example.words in problem.message


@examples(*By)
def test_is_explained_without_the_words_of_the_library(example: BadExample) -> None:
    with pytest.raises(ManifestError) as caught:
        load_manifests(yaml.safe_dump(example.manifest), "fraud.yaml")
    text = str(caught.value)
    assert text.startswith("fraud.yaml:")
    assert not re.search(r"pydantic|https?:|Input should|Value error|not permitted|required|None", text)


@examples(By.SCHEMA)
def test_is_refused_by_the_schema_of_the_crd_too(example: BadExample) -> None:
    places = set(refused(SCHEMA, example.manifest))
    assert example.path in places


@examples(By.RULE)
def test_is_refused_by_a_rule_of_the_crd_that_stands_at_that_place(example: BadExample) -> None:
    """Whether the rule finds it only an API server can tell; here only that there is one to find it."""
    place = "" if example.path.startswith("metadata") else re.sub(r"\[\d+\]", "[]", example.path)
    assert example.rule in RULES[place]
    assert not list(refused(SCHEMA, example.manifest))


@examples(By.STRICT)
def test_is_let_through_by_an_operator_that_is_older_than_the_crd(example: BadExample) -> None:
    assert load_object(example.manifest, strict=False).spec.model.uri == SMALLEST["spec"]["model"]["uri"]


def test_the_manifest_under_the_bad_examples_is_good() -> None:
    assert load_object(SMALLEST).metadata.name == "fraud"


def test_every_rule_has_an_example() -> None:
    shown = {example.rule for example in BAD_EXAMPLES}
    spec_rules = {
        message for place, messages in RULES.items() if not place.startswith("status") for message in messages
    }
    assert spec_rules - shown == set()
