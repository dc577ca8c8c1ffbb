"""A route survives the way from the operator to the routers and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.core.route import TOTAL_WEIGHT, Backend, Route
from fairway.render.route_json import from_json, to_json

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    revisions = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.integers(0, TOTAL_WEIGHT)) for _ in revisions[1:])
    weights = [end - start for start, end in zip([0, *cuts], [*cuts, TOTAL_WEIGHT], strict=True)]
    return Route(
        namespace=draw(NAMES),
        name=draw(NAMES),
        port=draw(st.integers(1, 65535)),
        backends=tuple(Backend(*one) for one in zip(revisions, weights, strict=True)),
        request_timeout_seconds=draw(st.floats(0.001, 1e6)),
    )


@given(routes())
def test_a_route_comes_back_as_it_went(route: Route) -> None:
    """The operator compares what the routers report with what it wanted."""
    assert from_json(json.loads(json.dumps(to_json(route)))) == route


GOOD = to_json(Route("shop", "fraud", 10000, (Backend("fraud-1", 1000),)))


def test_the_fields_are_the_documented_ones() -> None:
    assert GOOD == {
        "namespace": "shop",
        "name": "fraud",
        "port": 10000,
        "requestTimeoutSeconds": 30.0,
        "backends": [{"revision": "fraud-1", "weight": 1000}],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": "80"}, "port must be an integer"),
        ({"port": True}, "port must be an integer"),
        ({"port": 0}, "no such TCP port"),
        ({"name": ""}, "name must be a text"),
        ({"namespace": None}, "namespace must be a text"),
        ({"requestTimeoutSeconds": "1s"}, "requestTimeoutSeconds must be a number"),
        ({"requestTimeoutSeconds": -1}, "must be positive"),
        ({"backends": []}, "at least one revision"),
        ({"backends": {}}, "at least one revision"),
        ({"backends": ["fraud-1"]}, "a backend must be an object"),
        ({"backends": [{"revision": "a", "weight": 1.5}]}, "weight must be an integer"),
        ({"backends": [{"revision": "a", "weight": 999}]}, "sum to 1000"),
    ],
)
def test_what_is_no_route_is_refused_with_a_reason(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_json({**GOOD, **change})


@pytest.mark.parametrize("content", [None, [], "route", {}, {"name": "fraud"}])
def test_anything_else_is_refused_too(content: Any) -> None:
    with pytest.raises(ValueError, match="a route"):
        from_json(content)


def test_not_a_number_is_no_timeout() -> None:
    with pytest.raises(ValueError, match="finite"):
        from_json({**GOOD, "requestTimeoutSeconds": float("nan")})
