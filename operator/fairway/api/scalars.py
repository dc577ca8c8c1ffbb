"""The few value types that a spec is written in: durations, decimal strings, times.

Kubernetes wants no floating point in a spec, so fractions travel as decimal strings ("0.05").
"""

from __future__ import annotations

import decimal
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_PATTERN = r"^([0-9]+(ms|s|m|h))+$"
DECIMAL_PATTERN = r"^[0-9]+(\.[0-9]+)?$"
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_MAX_DURATION = timedelta(days=366)
_MAX_DURATION_LENGTH = 32
_MAX_DECIMAL_LENGTH = 16


def parse_duration(text: Any) -> timedelta:
    """Turn "1h30m", "15s" or "500ms" into a timedelta.

    Raises:
        ValueError: not such a text, or more than a year.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"write a duration like 30s, 5m or 1h30m, not {text!r:.60}")
    if len(text) > _MAX_DURATION_LENGTH:
        raise ValueError(f"a duration has at most {_MAX_DURATION_LENGTH} characters: {text!r:.60}")
    parts = re.findall(r"([0-9]+)(ms|s|m|h)", text)
    try:
        duration = timedelta(milliseconds=sum(int(number) * _MILLISECONDS[unit] for number, unit in parts))
    except OverflowError:
        duration = timedelta.max
    if duration > _MAX_DURATION:
        raise ValueError(f"a duration of {text} is more than a year")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a timedelta the way `parse_duration` reads it."""
    rest = duration // timedelta(milliseconds=1)
    if rest == 0:
        return "0s"
    text = ""
    for unit in ("h", "m", "s", "ms"):
        number, rest = divmod(rest, _MILLISECONDS[unit])
        text += f"{number}{unit}" if number else ""
    return text


def parse_decimal(text: Any) -> float:
    """Turn the decimal string "0.05" into a float.

    Raises:
        ValueError: not a plain decimal string.
    """
    if isinstance(text, str) and re.fullmatch(DECIMAL_PATTERN, text):
        if len(text) > _MAX_DECIMAL_LENGTH:
            raise ValueError(f"a decimal string has at most {_MAX_DECIMAL_LENGTH} characters: {text!r:.60}")
        return float(text)
    if isinstance(text, int | float) and not isinstance(text, bool) and math.isfinite(text):
        raise ValueError(f'write this number as a string: "{text}" (a Kubernetes spec holds no floats)')
    raise ValueError(f'write a decimal string like "0.05", not {text!r:.60}')


def format_decimal(number: float) -> str:
    """Write a float the way `parse_decimal` reads it: never in exponent form.

    The shortest text that reads back as the same float; rounded only where that would be too long.
    """
    exact = format(decimal.Decimal(repr(number)), "f").removesuffix(".0")
    if len(exact) <= _MAX_DECIMAL_LENGTH:
        return exact
    places = max(0, _MAX_DECIMAL_LENGTH - len(exact.partition(".")[0]) - 1)
    rounded = f"{number:.{places}f}"
    return rounded.rstrip("0").rstrip(".") if places else rounded


def parse_time(text: Any) -> datetime:
    """Read an RFC 3339 time; a time without a zone is refused."""
    when = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    if when.tzinfo is None:
        raise ValueError(f"a time needs a zone: {text!r:.60}")
    return when.astimezone(UTC)


def format_time(when: datetime) -> str:
    """Write a time in UTC with milliseconds, as RFC 3339 wants it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": DURATION_PATTERN,
            "maxLength": _MAX_DURATION_LENGTH,
            "x-kubernetes-validations": [
                {"rule": "duration(self) <= duration('8784h')", "message": "must not be more than a year"}
            ],
        }
    ),
]
Decimal = Annotated[
    float,
    BeforeValidator(parse_decimal),
    PlainSerializer(format_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN, "maxLength": _MAX_DECIMAL_LENGTH}),
]
Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
