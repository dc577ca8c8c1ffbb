"""Pydantic's errors, said in words that help the person who wrote the manifest.

What may stand in a place (fields, choices) is read from the schema, so that the words cannot drift from
the models.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from fairway.api import pod
from fairway.api.crd import resource_schema
from fairway.api.spec import NAME_PATTERN
from fairway.api.yaml_text import Path, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from fairway.api.structural import Schema

# One thing wrong: its place, and a sentence.
Fault = tuple[Path, str]

PATTERN_WORDS = {
    NAME_PATTERN: "must be lower-case letters, digits and '-', with a letter or digit at both ends",
    r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$": "must be letters, digits, '-', '_' and '.', "
    "with a letter or digit at both ends",
    r"^[a-f0-9]{64}$": "must be 64 hexadecimal digits in lower case",
    r"^[a-z][a-z0-9+.-]*:.+$": "must be a URI like file:models/fraud-7",
    pod.QUANTITY_PATTERN: "must be a quantity like 500m, 2 or 4Gi",
    pod.OBJECT_PATTERN: "must be the name of an object in the same namespace",
    pod.LABEL_VALUE_PATTERN: "must be the value of a label: letters, digits, '-', '_' and '.'",
    pod.VARIABLE_PATTERN: "must be letters, digits and '_', not starting with a digit",
    pod.MIG_PATTERN: "must be a MIG profile like 1g.10gb",
}
_TYPE_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
}
_BOUND_WORDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def faults_of(error: ValidationError) -> tuple[Fault, ...]:
    """All that pydantic found, each with its place and without pydantic's own words."""
    details = error.errors()
    return tuple((detail["loc"], _sentence(detail)) for detail in details if not _is_echo(detail, details))


def unknown_field(path: Path, known: Iterable[str]) -> str:
    """What to say of a field that does not exist.

    Args:
        path: of the unknown field.
        known: the names that exist in its place.
    """
    name, known = str(path[-1]), list(known)
    if near := _nearest(name, known):
        return f"unknown field; did you mean {near}?"
    spec = schema_at(("spec",))
    if places := [dotted(place) for place in _places(spec, ("spec",)) if place[-1] == name]:
        return f"unknown field here; did you mean {' or '.join(places)}?"
    return f"unknown field; known here: {', '.join(known)}" if known else "unknown field"


def schema_at(path: Path) -> Schema:
    """The schema of a place; {} where there is none, as inside `metadata`. Not to be changed."""
    schema = _resource_schema()
    for part in path:
        schema = (
            schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
        )
    return schema


def _is_echo(detail: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """A list counts as too short when its items are wrong: the items are what must be told."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and other["loc"] != place for other in details
    )


def _sentence(detail: ErrorDetails) -> str:
    write = _SENTENCES.get(detail["type"])
    if write is None:
        message = detail["msg"]
        return f"{message[:1].lower()}{message[1:]}, not {_shown(detail['input'])}"
    return write(detail)


def _missing(_: ErrorDetails) -> str:
    return "is missing"


def _unknown(detail: ErrorDetails) -> str:
    return unknown_field(detail["loc"], schema_at(detail["loc"][:-1]).get("properties", {}))


def _own_words(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["error"])


def _wrong_type(detail: ErrorDetails) -> str:
    return f"{_TYPE_WORDS[detail['type']]}, not {_shown(detail['input'])}"


def _wrong_pattern(detail: ErrorDetails) -> str:
    pattern = detail["ctx"]["pattern"]
    return f"{PATTERN_WORDS.get(pattern, f'must match {pattern}')}, not {_shown(detail['input'])}"


def _out_of_bounds(detail: ErrorDetails) -> str:
    ((bound, limit),) = detail["ctx"].items()
    return f"must be {_BOUND_WORDS[bound]} {limit}, not {_shown(detail['input'])}"


def _wrong_length(detail: ErrorDetails) -> str:
    pattern = schema_at(detail["loc"]).get("pattern")
    if detail["type"] == "string_too_short" and pattern in PATTERN_WORDS:
        return f"{PATTERN_WORDS[pattern]}, not {_shown(detail['input'])}"
    return f"must have {_size(detail['ctx'], 'character')}, not {len(detail['input'])}"


def _wrong_count(detail: ErrorDetails) -> str:
    return f"must have {_size(detail['ctx'], 'item')}, not {detail['ctx']['actual_length']}"


def _wrong_choice(detail: ErrorDetails) -> str:
    return _choice(schema_at(detail["loc"])["enum"], detail["input"])


_SENTENCES: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "value_error": _own_words,
    "enum": _wrong_choice,
    "string_pattern_mismatch": _wrong_pattern,
    "string_too_short": _wrong_length,
    "string_too_long": _wrong_length,
    "too_short": _wrong_count,
    "too_long": _wrong_count,
    **dict.fromkeys(_TYPE_WORDS, _wrong_type),
    **dict.fromkeys(("greater_than", "greater_than_equal", "less_than", "less_than_equal"), _out_of_bounds),
}


def _choice(choices: list[str], value: Any) -> str:
    allowed = choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
    near = _nearest(value, choices) if isinstance(value, str) and len(choices) > 1 else None
    return f"must be {allowed}, not {_shown(value)}" + (f"; did you mean {near}?" if near else "")


def _size(context: dict[str, Any], noun: str) -> str:
    words, number = (
        ("at least", context["min_length"]) if "min_length" in context else ("at most", context["max_length"])
    )
    return f"{words} {number} {noun}{'' if number == 1 else 's'}"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:56]}…"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the written one most likely stands for, whatever its case or underscores."""
    plain = {_plain(other): other for other in known}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _places(schema: Schema, path: Path) -> Iterator[Path]:
    for name, child in schema.get("properties", {}).items():
        yield (*path, name)
        yield from _places(child, (*path, name))


@cache
def _resource_schema() -> Schema:
    return resource_schema()
