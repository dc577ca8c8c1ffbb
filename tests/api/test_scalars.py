from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fairway.api.scalars import (
    DECIMAL_PATTERN,
    DURATION_PATTERN,
    Decimal,
    Duration,
    format_decimal,
    format_duration,
    parse_decimal,
    parse_duration,
)

durations = st.timedeltas(timedelta(0), timedelta(days=366)).map(
    lambda d: d - timedelta(microseconds=d.microseconds % 1000)
)
decimal_texts = st.from_regex(DECIMAL_PATTERN, fullmatch=True).filter(
    lambda text: len(text) <= 16 and text.isascii()
)


@settings(deadline=None)
@given(durations)
def test_a_duration_survives_being_written_and_read(duration: timedelta) -> None:
    text = format_duration(duration)
    assert parse_duration(text) == duration
    assert len(text) <= 32
    assert re.fullmatch(DURATION_PATTERN, text)


@settings(deadline=None)
@given(decimal_texts)
def test_every_decimal_that_can_be_read_is_written_back_as_the_same_number(text: str) -> None:
    """A rounded alpha would be another alpha, and 1e-12 written as "0" would be refused."""
    number = parse_decimal(text)
    again = format_decimal(number)
    assert parse_decimal(again) == number
    assert len(again) <= len(text)


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e15, allow_nan=False))
def test_any_float_is_written_as_a_decimal_that_the_schema_accepts(number: float) -> None:
    text = format_decimal(number)
    assert parse_decimal(text) == pytest.approx(number, rel=1e-3, abs=1e-14)
    assert len(text) <= 16


@pytest.mark.parametrize(
    "text", ["5m\n", "", "m", "5", "5 m", "-5m", "1.5h", "5d", 5, None, "1" * 32 + "s", "9000h"]
)
def test_what_is_not_a_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["0.5\n", "", ".5", "5.", "1e-3", "-1", 0.05, 1, True, None, "0." + "1" * 15]
)
def test_what_is_not_a_decimal_string_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"string"):
        parse_decimal(text)


def test_a_number_is_answered_with_the_string_to_write() -> None:
    with pytest.raises(ValueError, match=r'"0\.05"'):
        parse_decimal(0.05)


def test_the_schema_shows_the_same_bounds_as_the_parser() -> None:
    """Otherwise the API server would store what the operator cannot read."""
    assert TypeAdapter(Duration).json_schema()["maxLength"] == 32
    assert TypeAdapter(Decimal).json_schema()["maxLength"] == 16
    (rule,) = TypeAdapter(Duration).json_schema()["x-kubernetes-validations"]
    assert "8784h" in rule["rule"]
    assert parse_duration("8784h") == timedelta(days=366)
