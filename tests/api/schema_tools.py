"""In small, what an API server does with a schema: refuse, fill in defaults. And made-up values."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from fairway.api.scalars import DURATION_PATTERN, format_duration, format_time

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_BOUNDS = (
    ("minimum", lambda value, bound: value >= bound),
    ("maximum", lambda value, bound: value <= bound),
    ("minLength", lambda value, bound: len(value) >= bound),
    ("maxLength", lambda value, bound: len(value) <= bound),
    ("minItems", lambda value, bound: len(value) >= bound),
    ("maxItems", lambda value, bound: len(value) <= bound),
    ("enum", lambda value, bound: value in bound),
    ("pattern", lambda value, bound: re.search(bound.removesuffix("$") + r"\Z", value) is not None),
)


def refused(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """The places of a value that the schema does not admit; an unknown field is one, CEL is not looked at."""
    fits = isinstance(value, _TYPES[schema["type"]])
    if not fits or (isinstance(value, bool) and schema["type"] != "boolean"):
        yield path
        return
    if not all(holds(value, schema[keyword]) for keyword, holds in _BOUNDS if keyword in schema):
        yield path
    if isinstance(value, list):
        yield from _refused_items(schema, value, path)
    elif isinstance(value, dict):
        yield from _refused_fields(schema, value, path)


def _refused_items(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    for index, item in enumerate(value):
        yield from refused(schema["items"], item, f"{path}[{index}]")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if keys and len({tuple(item.get(key) for key in keys) for item in value}) < len(value):
        yield path


def _refused_fields(schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    for name, item in value.items() if "additionalProperties" in schema else ():
        yield from refused(schema["additionalProperties"], item, f"{path}.{name}")
    if "properties" in schema:
        present = {key for key, item in value.items() if item is not None}
        for name in set(schema.get("required", ())) - present | present - set(schema["properties"]):
            yield f"{path}.{name}".lstrip(".")
        for name in present & set(schema["properties"]):
            yield from refused(schema["properties"][name], value[name], f"{path}.{name}".lstrip("."))


def with_defaults(schema: Schema, value: Any) -> Any:
    """The value as an API server stores it."""
    if isinstance(value, list):
        return [with_defaults(schema["items"], item) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    value = dict(value)
    for name, child in schema["properties"].items():
        if value.get(name) is None and "default" in child:
            value[name] = copy.deepcopy(child["default"])
        if name in value:
            value[name] = with_defaults(child, value[name])
    return value


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field below, with its path (`spec.rollout.steps[].weight`)."""
    for name, child in schema.get("properties", {}).items():
        place = f"{path}.{name}".lstrip(".")
        yield place, child
        items = child.get("items")
        yield from fields(items or child, f"{place}[]" if items else place)


durations = st.integers(100, 366 * 24 * 3600 * 1000).map(
    lambda ms: format_duration(timedelta(milliseconds=ms))
)
times = st.integers(0, 10**12).map(
    lambda ms: format_time(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
)


def _decimals(low: int, high: int) -> st.SearchStrategy[str]:
    """Decimal strings from low/1000 to high/1000, written in more than one way."""
    return st.builds(
        lambda n, zeros: f"{n / 1000:.3f}{zeros}", st.integers(low, high), st.sampled_from(("", "0"))
    )


@st.composite
def _steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    steps = []
    for weight in sorted(draw(st.sets(st.integers(1, 99), min_size=1, max_size=5))):
        short, long = sorted(draw(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))))
        steps.append({"weight": weight, "minDuration": f"{short}s", "maxDuration": f"{long}s"})
    return steps


_ENGINES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just(kind)},
        optional={block: st.fixed_dictionaries({}, optional={"threads": st.integers(1, 9)})},
    )
    for kind, block in (("OnnxRuntime", "onnxRuntime"), ("Triton", "triton"))
) | st.fixed_dictionaries(
    {
        "type": st.just("KServe"),
        "kserve": st.fixed_dictionaries(
            {"runtime": st.just("onnx-v2")}, optional={"args": st.just(["--name={name}"])}
        ),
    }
)

# Fields that a CEL rule ties to each other.
RULED: dict[str, st.SearchStrategy[Any]] = {
    "spec.engine": _ENGINES,
    "status.revisions[].engine": _ENGINES,
    "spec.rollout.analysis.alpha": _decimals(1, 500),
    "spec.rollout.analysis.beta": _decimals(1, 500),
    "spec.rollout.analysis.negligible": _decimals(1, 500),
    "spec.rollout.analysis.tolerate": _decimals(1000, 1400),
    "spec.rollout.analysis.safeMargin": _decimals(1500, 9000),
    "spec.rollout.steps": _steps(),
    "spec.scaling": st.fixed_dictionaries(
        {}, optional={"min": st.integers(1, 5), "max": st.integers(5, 9), "target": st.integers(1, 100)}
    ),
}


plain = st.recursive(
    st.booleans() | st.integers(0, 9), lambda inner: st.lists(inner, max_size=2), max_leaves=3
)


def values(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    """Values that the schema and its rules admit; fields that are not required come and go."""
    if path in RULED:
        return RULED[path]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    makers = {"object": _objects, "array": _lists, "string": _texts}
    if schema["type"] in makers:
        return makers[schema["type"]](schema, path)
    return {
        "integer": st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)),
        "number": st.floats(-1e6, 1e6, allow_nan=False),
        "boolean": st.booleans(),
    }[schema["type"]]


def _objects(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        held = values(schema["additionalProperties"], path) if "additionalProperties" in schema else plain
        return st.dictionaries(st.sampled_from(("cpu", "memory", "zone")), held, max_size=2)
    children = {name: values(child, f"{path}.{name}") for name, child in schema["properties"].items()}
    required = {name: children.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=children)


def _lists(schema: Schema, path: str) -> st.SearchStrategy[Any]:
    few = min(3, schema["maxItems"])
    keys = schema.get("x-kubernetes-list-map-keys")
    return st.lists(
        values(schema["items"], f"{path}[]"),
        min_size=schema.get("minItems", 0),
        max_size=few,
        unique_by=(lambda item: tuple(item[key] for key in keys)) if keys else None,
    )


def _texts(schema: Schema, _path: str) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return times
    if schema.get("pattern") == DURATION_PATTERN:
        return durations
    if "pattern" in schema:
        pattern = re.compile(schema["pattern"], re.ASCII)
        return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
            lambda text: schema.get("minLength", 0) <= len(text) <= schema["maxLength"]
        )
    return st.text(min_size=schema.get("minLength", 0), max_size=min(12, schema["maxLength"]))
