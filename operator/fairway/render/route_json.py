"""A route as JSON, as it travels from the operator to the routers and back."""

from __future__ import annotations

import math
from typing import Any

from fairway.core.route import Backend, Route

_FIELDS = frozenset({"namespace", "name", "port", "requestTimeoutSeconds", "backends"})


def to_json(route: Route) -> dict[str, Any]:
    """The route with nothing but JSON in it."""
    return {
        "namespace": route.namespace,
        "name": route.name,
        "port": route.port,
        "requestTimeoutSeconds": route.request_timeout_seconds,
        "backends": [{"revision": one.revision, "weight": one.weight} for one in route.backends],
    }


def from_json(content: Any) -> Route:
    """The route that `to_json` wrote; fields that are not known here are left alone.

    Raises:
        ValueError: something is missing, has another type or does not make a route.
    """
    fields = _mapping(content, "a route")
    missing = _FIELDS - fields.keys()
    if missing:
        raise ValueError(f"a route needs {', '.join(sorted(missing))}")
    port = _integer(fields["port"], "port")
    if not 0 < port < 65536:
        raise ValueError(f"no such TCP port: {port}")
    if not isinstance(fields["backends"], list) or not fields["backends"]:
        raise ValueError("backends must be a list that names at least one revision")
    return Route(
        namespace=_text(fields["namespace"], "namespace"),
        name=_text(fields["name"], "name"),
        port=port,
        backends=tuple(_backend(one) for one in fields["backends"]),
        request_timeout_seconds=_number(fields["requestTimeoutSeconds"], "requestTimeoutSeconds"),
    )


def _backend(content: Any) -> Backend:
    fields = _mapping(content, "a backend")
    return Backend(_text(fields.get("revision"), "revision"), _integer(fields.get("weight"), "weight"))


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object, not {type(value).__name__}")  # noqa: TRY004  bad data, not bad code
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field} must be a text")
    return value


def _integer(value: Any, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{field} must be an integer")  # noqa: TRY004  bad data, not bad code
    return value


def _number(value: Any, field: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{field} must be a number")  # noqa: TRY004  bad data, not bad code
    if not math.isfinite(value):
        raise ValueError(f"{field} must be a finite number")
    return float(value)
