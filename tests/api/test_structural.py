from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from fairway.api.errors import SchemaError
from fairway.api.scalars import Decimal, Duration
from fairway.api.structural import structural_schema, to_structural

Short = Annotated[str, Field(max_length=10)]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """What inner means."""

    model_config = ConfigDict(extra="forbid")

    wait: Duration = timedelta(minutes=1)
    share: Decimal = 0.25


class Outer(BaseModel):
    described: Inner = Field(description="What this inner is for.")
    plain: Inner = Inner()
    other: Inner = Inner(wait=timedelta(seconds=3))
    maybe: Short | None = None
    colour: Colour = Colour.RED
    only: Literal["x"] = "x"
    many: Annotated[tuple[Inner, ...], Field(max_length=3)] = (Inner(),)
    positive: Annotated[float, Field(gt=0, lt=1)] = 0.5


@pytest.fixture(scope="module")
def properties() -> dict[str, Any]:
    properties: dict[str, Any] = structural_schema(Outer)["properties"]
    return properties


def _object(field: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": field}}}, **more}


def test_a_reference_is_replaced_by_what_it_stands_for(properties: dict[str, Any]) -> None:
    assert set(properties["plain"]["properties"]) == {"wait", "share"}
    assert "$ref" not in str(properties)


def test_the_description_of_a_field_wins_over_that_of_its_type(properties: dict[str, Any]) -> None:
    assert properties["described"]["description"] == "What this inner is for."
    assert properties["plain"]["description"] == "What inner means."


def test_an_optional_value_becomes_a_field_that_may_be_absent(properties: dict[str, Any]) -> None:
    assert properties["maybe"] == {"type": "string", "maxLength": 10}
    assert structural_schema(Outer)["required"] == ["described"]


def test_a_constant_becomes_the_only_choice(properties: dict[str, Any]) -> None:
    assert properties["only"] == {"type": "string", "enum": ["x"], "default": "x"}


def test_choices_stay_choices(properties: dict[str, Any]) -> None:
    assert properties["colour"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}


def test_durations_and_decimals_default_to_the_text_that_a_user_would_write(
    properties: dict[str, Any],
) -> None:
    assert properties["plain"]["properties"]["wait"]["default"] == "1m"
    assert properties["plain"]["properties"]["share"]["default"] == "0.25"
    assert properties["many"]["default"] == [{"wait": "1m", "share": "0.25"}]


def test_a_block_of_defaults_defaults_to_an_empty_block(properties: dict[str, Any]) -> None:
    """The API server fills the fields in, so that each default stands in one place."""
    assert properties["plain"]["default"] == {}


def test_a_block_with_other_values_than_its_defaults_keeps_them(properties: dict[str, Any]) -> None:
    assert properties["other"]["default"] == {"wait": "3s", "share": "0.25"}


def test_an_exclusive_bound_becomes_a_bound_with_a_mark(properties: dict[str, Any]) -> None:
    number = properties["positive"]
    assert (number["minimum"], number["exclusiveMinimum"]) == (0, True)
    assert (number["maximum"], number["exclusiveMaximum"]) == (1, True)


def test_titles_examples_and_closed_objects_are_left_out() -> None:
    field = {"type": "string", "maxLength": 3, "title": "B", "examples": ["x"]}
    closed = to_structural(_object(field, title="T", additionalProperties=False))
    assert closed == _object({"type": "string", "maxLength": 3})


def test_an_open_object_keeps_what_is_written_in_it() -> None:
    schema = to_structural(_object({"type": "object", "additionalProperties": True}))
    assert schema["properties"]["a"]["properties"]["b"] == {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }


def test_a_bounded_map_describes_its_values() -> None:
    values = {"type": "string", "maxLength": 3}
    field = {"type": "object", "additionalProperties": values, "maxProperties": 4}
    assert to_structural(_object(field))["properties"]["a"]["properties"]["b"] == field


def test_rules_descriptions_and_time_formats_pass() -> None:
    field = {
        "type": "string",
        "format": "date-time",
        "maxLength": 40,
        "description": "When.",
        "x-kubernetes-validations": [{"rule": "true", "message": "m"}],
    }
    assert to_structural(_object(field)) == _object(field)


def test_the_input_is_not_changed() -> None:
    rules = [{"rule": "true", "message": "m"}]
    source = _object({"type": "integer", "x-kubernetes-validations": rules})
    to_structural(source)["properties"]["a"]["properties"]["b"]["x-kubernetes-validations"].append("more")
    assert rules == [{"rule": "true", "message": "m"}]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"type": "string"}, "maxLength"),
        ({"type": "string", "pattern": "^a{3}$"}, "maxLength"),
        ({"type": "array", "items": {"type": "integer"}}, "maxItems"),
        ({"type": "array", "maxItems": 3}, "type of its items"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "maxProperties"),
        ({"type": "object"}, "without fields"),
        (
            {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer", "default": 1}},
            "cannot have defaults",
        ),
        (
            {
                "type": "object",
                "properties": {},
                "maxProperties": 1,
                "additionalProperties": {"type": "integer"},
            },
            "not both",
        ),
        (
            {"type": "array", "maxItems": 3, "items": {"type": "integer"}, "uniqueItems": True},
            "list-type: set",
        ),
        ({"type": "array", "maxItems": 2, "prefixItems": [{"type": "integer"}]}, "prefixItems"),
        ({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}, "sibling block"),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "choice between types"),
        ({"type": "integer", "if": {}}, "keyword if"),
        ({"type": "integer", "discriminator": {}}, "keyword discriminator"),
        ({}, "one plain type"),
        (True, "any type"),
        ({"type": ["integer", "null"]}, "one plain type"),
        ({"type": "string", "maxLength": 9, "format": "email"}, "format email"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_kubernetes_cannot_describe_is_an_error_that_names_the_field(field: Any, words: str) -> None:
    with pytest.raises(SchemaError, match=words) as caught:
        to_structural(_object(field))
    assert caught.value.path == "a.b"
    assert str(caught.value).startswith("a.b: ")


def test_the_place_of_an_error_shows_lists_and_maps() -> None:
    items = {"type": "array", "maxItems": 2, "items": {"type": "string"}}
    with pytest.raises(SchemaError) as caught:
        to_structural(_object({"type": "object", "maxProperties": 2, "additionalProperties": items}))
    assert caught.value.path == "a.b.*[]"


def test_a_model_that_contains_itself_is_refused() -> None:
    schema = {
        "$defs": {"T": {"type": "object", "properties": {"t": {"$ref": "#/$defs/T"}}}},
        "$ref": "#/$defs/T",
    }
    with pytest.raises(SchemaError, match="contains itself"):
        to_structural(schema)


def test_a_model_with_an_unbounded_time_is_refused() -> None:
    class Careless(BaseModel):
        when: datetime

    with pytest.raises(SchemaError, match=r"when: .*maxLength"):
        structural_schema(Careless)
