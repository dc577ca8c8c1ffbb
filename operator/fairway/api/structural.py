"""Pydantic's JSON Schema, rewritten into the smaller language of Kubernetes: a structural schema.

An allow-list: a keyword that is not known here is an error, never passed on in the hope that it works.
Every string, list and map must be bounded, because the API server multiplies these bounds when it
estimates what a CEL rule costs, and refuses a rule that could cost too much.

Rules of structural schemas: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/
custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from fairway.api.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

Schema = dict[str, Any]

# In the order in which they are written.
_KEPT = (
    "description",
    "type",
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
_DROPPED = frozenset({"title", "examples", "$defs"})
_REWRITTEN = frozenset(
    {
        "const",
        "default",
        "properties",
        "items",
        "additionalProperties",
        "exclusiveMinimum",
        "exclusiveMaximum",
    }
)
_TYPES = ("string", "integer", "number", "boolean", "array", "object")
_INSTEAD = {
    "uniqueItems": "use x-kubernetes-list-type: set",
    "prefixItems": "use a list of one type, or an object",
    "oneOf": "use a `type` field with a sibling block for each type",
}


def structural_schema(model: type[BaseModel]) -> Schema:
    """Write a model as the structural schema of its JSON form (camelCase, defaults as they are written).

    Raises:
        SchemaError: the model has a value that Kubernetes cannot describe, or one without a bound.
    """
    # Serialization mode, so that a default appears as the text that a user would write ("15s").
    return to_structural(model.model_json_schema(by_alias=True, mode="serialization"))


def to_structural(json_schema: Mapping[str, Any]) -> Schema:
    """Rewrite one JSON Schema document with its `$defs` into a structural schema; the input is untouched.

    Raises:
        SchemaError: names the field, dotted (`spec.rollout.steps[].weight`).
    """
    definitions = json_schema.get("$defs", {})
    return _rewrite(json_schema, definitions, path="", inside=())


def _rewrite(node: Any, definitions: Mapping[str, Any], path: str, inside: tuple[str, ...]) -> Schema:
    if not isinstance(node, dict):
        raise SchemaError(path, "a value of any type cannot be described")
    node, inside = _resolved(node, definitions, path, inside)
    _refuse_unknown_keywords(node, path)
    if node.get("type") not in _TYPES:
        raise SchemaError(path, f"needs one plain type, not {node.get('type')!r}")
    if node.get("format", "date-time") != "date-time":
        raise SchemaError(path, f"the format {node['format']} is not checked by every API server")

    result = {key: copy.deepcopy(node[key]) for key in _KEPT if key in node}
    if "const" in node:
        result["enum"] = [node["const"]]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in node:
            result |= {bound: node[exclusive], exclusive: True}
    if "properties" in node:
        result["properties"] = {
            name: _rewrite(child, definitions, f"{path}.{name}".lstrip("."), inside)
            for name, child in node["properties"].items()
        }
    if "items" in node:
        result["items"] = _rewrite(node["items"], definitions, f"{path}[]", inside)
    result |= _additional_properties(node, definitions, path, inside)
    _require_bounds(result, path)
    if node.get("default") is not None:
        result["default"] = _shortest_default(node["default"], result)
    return result


def _resolved(
    node: Schema, definitions: Mapping[str, Any], path: str, inside: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    """Put what `$ref` and `anyOf[X, null]` stand for in their place; words beside them win."""
    while "$ref" in node or "anyOf" in node:
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            if name in inside:
                raise SchemaError(path, f"{name} contains itself; a structural schema has an end")
            inside = (*inside, name)
            target = definitions[name]
        else:
            choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
            if len(choices) != 1:
                raise SchemaError(path, "a choice between types cannot be described; only X | None can")
            (target,) = choices
        node = {**target, **beside}
    return node, inside


def _refuse_unknown_keywords(node: Schema, path: str) -> None:
    for keyword in node:
        if keyword not in _DROPPED | _REWRITTEN and keyword not in _KEPT:
            hint = f"; {_INSTEAD[keyword]}" if keyword in _INSTEAD else ""
            raise SchemaError(path, f"the keyword {keyword} is not part of a structural schema{hint}")


def _additional_properties(
    node: Schema, definitions: Mapping[str, Any], path: str, inside: tuple[str, ...]
) -> Schema:
    """`false` is what pruning does anyway, `true` switches pruning off, a schema describes a map."""
    extra = node.get("additionalProperties", False)
    if extra is False:
        return {}
    if extra is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    if "properties" in node:
        raise SchemaError(path, "an object has either named fields or free keys, not both")
    values = _rewrite(extra, definitions, f"{path}.*", inside)
    if _has_default(values):
        raise SchemaError(path, "the values of a map cannot have defaults")
    return {"additionalProperties": values}


def _has_default(schema: Schema) -> bool:
    below = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return "default" in schema or any(map(_has_default, below))


def _require_bounds(schema: Schema, path: str) -> None:
    kind = schema["type"]
    if kind == "string" and "maxLength" not in schema and "enum" not in schema:
        raise SchemaError(path, "a string needs maxLength or a list of choices")
    if kind == "array" and "items" not in schema:
        raise SchemaError(path, "a list needs the type of its items")
    if kind == "array" and "maxItems" not in schema:
        raise SchemaError(path, "a list needs maxItems")
    if "additionalProperties" in schema and "maxProperties" not in schema:
        raise SchemaError(path, "a map needs maxProperties")
    if kind == "object" and not schema.keys() & {
        "properties",
        "additionalProperties",
        "x-kubernetes-preserve-unknown-fields",
    }:
        raise SchemaError(path, "an object without fields would lose all that is written in it")


def _shortest_default(default: Any, schema: Schema) -> Any:
    """`{}` where the defaults of the fields say the rest: the API server fills them in, level by level."""
    default = _without_nulls(default)
    return {} if isinstance(default, dict) and default == _filled(schema) else default


def _filled(schema: Schema) -> Schema:
    """What an object becomes when nothing of it is written."""
    filled = {}
    for name, child in schema.get("properties", {}).items():
        if "default" in child:
            filled[name] = _filled(child) if child["default"] == {} else child["default"]
    return filled


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
