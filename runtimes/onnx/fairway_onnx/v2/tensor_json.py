"""The `data` of one tensor: a JSON array, flat or nested, to an ndarray and back.

64 bit integers are exact. NaN and the infinities have no number in JSON; both directions carry them as the
strings "NaN", "Infinity" and "-Infinity".
"""

import re
from functools import lru_cache
from itertools import chain
from math import prod
from types import GenericAlias
from typing import Any, Literal

import msgspec
import numpy as np

from fairway_onnx.datatypes import Array, Datatype, Kind
from fairway_onnx.errors import BodyTooLargeError, InvalidTensorError, shown
from fairway_onnx.v2 import long_json

MAX_RANK = 32
MAX_DIMENSION = 2**63 - 1

_BYTES_PER_STRING = 64
"""What a short `str` and its place in an array cost in memory, rounded up."""

_LONG_BYTES = 1 << 20
"""Longer data is decoded in pieces: as Python objects, JSON takes up to 25 times its length."""

_PIECE_BYTES = 1 << 16

_LEADING_BRACKETS = re.compile(rb"[\s\[]*")
_WRONG_TYPE = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`(?: - at `\$(?P<where>[^`]*)`)?")
_WHERE = re.compile(r" - at `\$(?P<where>[^`]*)`")

_NonFinite = Literal["NaN", "Infinity", "-Infinity"]
_ELEMENT: dict[Kind, Any] = {Kind.BOOL: bool, Kind.INTEGER: int, Kind.FLOAT: float, Kind.TEXT: str}


def memory_needed(datatype: Datatype, shape: list[int]) -> int:
    """Bytes that the decoded tensor takes, by its declared shape."""
    return prod(shape) * (_BYTES_PER_STRING if datatype.kind is Kind.TEXT else datatype.dtype.itemsize)


def check_shape(name: str, shape: list[int]) -> None:
    """Find a shape that no tensor can have.

    Raises:
        InvalidTensorError: too many dimensions, or one of them negative or above 2**63 - 1.
    """
    if len(shape) > MAX_RANK:
        raise InvalidTensorError(name, f"shape has {len(shape)} dimensions, at most {MAX_RANK} are supported")
    for size in shape:
        if not 0 <= size <= MAX_DIMENSION:
            raise InvalidTensorError(name, f"shape holds {_cut(size)}, expected 0 to 2**63 - 1")


def decode(name: str, datatype: Datatype, shape: list[int], data: bytes, max_bytes: int) -> Array:
    """Decode one tensor.

    Args:
        name: the tensor's name, for messages.
        datatype: what the elements must be.
        shape: sizes, each already known to be in 0 … 2**63 - 1.
        data: the JSON value, known to be well-formed except for the encoding of its strings.
        max_bytes: bound on the memory of the strings in `data`.

    Returns:
        An array of `datatype.dtype` and `shape`.

    Raises:
        InvalidTensorError: the data does not fit datatype or shape.
        BodyTooLargeError: the strings would take more than `max_bytes`.
    """
    depth = _depth(name, data, len(shape))
    _check_count_before_decoding(name, datatype, shape, data, max_bytes)
    if len(data) > _LONG_BYTES and datatype.kind is not Kind.TEXT:
        return _decode_long(name, datatype, shape, data, depth)
    values = _flat(name, _parse(name, datatype, data, depth), depth, shape)
    return _array(name, datatype, values).reshape(shape)


def encode(array: Array, datatype: Datatype) -> tuple[Any, bool]:
    """What orjson writes as `data`, and whether it holds non-finite numbers written as strings.

    Returns:
        A flat C-contiguous array, or a list where numpy has no fitting form.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    if datatype.kind is Kind.TEXT:
        return flat.tolist(), False
    # orjson writes NaN and the infinities as null without a word: find them first.
    if datatype.kind is Kind.FLOAT and not np.isfinite(flat).all():
        return [_number_or_word(value) for value in flat.tolist()], True
    return flat, False


def _number_or_word(value: float) -> float | str:
    if value != value:  # noqa: PLR0124 - NaN is the one number that differs from itself
        return "NaN"
    return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, value)


def _depth(name: str, data: bytes, rank: int) -> int:
    """1 for flat data, the rank for nested data."""
    leading = _LEADING_BRACKETS.match(data)
    depth = leading.group().count(b"[") if leading else 0
    if depth == 0:
        raise InvalidTensorError(
            name, f"data must be an array, got {shown(data[:40].decode(errors='replace'))}"
        )
    if depth not in (1, rank):
        raise InvalidTensorError(name, f"data is nested {depth} deep, the shape has {rank} dimensions")
    return depth


def _check_count_before_decoding(
    name: str, datatype: Datatype, shape: list[int], data: bytes, max_bytes: int
) -> None:
    """Refuse data that is longer than its shape before a Python object is made for every element."""
    at_most = data.count(b",") + 1
    if datatype.kind is not Kind.TEXT:
        if at_most > long_json.comma_slots(shape):
            raise InvalidTensorError(name, f"data holds more than the {prod(shape)} elements of its shape")
        return
    at_most = min(at_most, data.count(b'"') // 2)
    if at_most * _BYTES_PER_STRING > max_bytes:
        raise BodyTooLargeError(
            f"input {shown(name)}: {at_most} strings are more than the server accepts at once"
        )


def _decode_long(name: str, datatype: Datatype, shape: list[int], data: bytes, depth: int) -> Array:
    """The same by pieces of flat data, each cut at a comma: numbers and the non-finite words hold none."""
    if depth > 1:
        data = long_json.unnested(name, shape, data)
    array = np.empty(prod(shape), dtype=datatype.dtype)
    filled = 0
    for piece in long_json.pieces(data, _PIECE_BYTES):
        try:
            elements = _array(name, datatype, _parse(name, datatype, piece, depth=1))
        except InvalidTensorError as error:
            raise InvalidTensorError(name, f"from element {filled} on, {error.problem}") from None
        array[filled : filled + len(elements)] = elements
        filled += len(elements)
    if filled != array.size:
        raise InvalidTensorError(name, f"data has {filled} elements, the shape {shape} says {array.size}")
    return array.reshape(shape)


@lru_cache(maxsize=256)
def _decoder(element: Any, depth: int) -> msgspec.json.Decoder[Any]:
    nested: Any = element
    for _ in range(depth):
        nested = GenericAlias(list, (nested,))
    return msgspec.json.Decoder(nested)


def _parse(name: str, datatype: Datatype, data: bytes, depth: int) -> list[Any]:
    """JSON to lists; among the numbers of a float type the non-finite words stay words."""
    try:
        return _lists(_ELEMENT[datatype.kind], depth, data)
    except msgspec.ValidationError as error:
        complaint = str(error)
        if datatype.kind is Kind.FLOAT and b'"' in data:
            try:
                return _lists(float | _NonFinite, depth, data)
            except (msgspec.DecodeError, UnicodeDecodeError) as second:
                complaint = str(second)
        raise _wrong_element(name, datatype, complaint) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = datatype.kind is Kind.TEXT
        problem = "data holds a string that is not valid UTF-8" if text else "data is ragged"
        raise InvalidTensorError(name, problem) from None


def _lists(element: Any, depth: int, data: bytes) -> list[Any]:
    values: list[Any] = _decoder(element, depth).decode(data)
    return values


def _flat(name: str, values: list[Any], depth: int, shape: list[int]) -> list[Any]:
    """Unnest level by level; every level must be as long as the shape says."""
    for level in range(depth - 1):
        if level == 0 and len(values) != shape[0]:
            raise InvalidTensorError(name, f"data has {len(values)} rows, the shape {shape} says {shape[0]}")
        lengths = set(map(len, values))
        if len(lengths) > 1:
            raise InvalidTensorError(
                name, f"data is ragged: lists of {min(lengths)} and of {max(lengths)} elements"
            )
        if lengths and lengths != {shape[level + 1]}:
            raise InvalidTensorError(
                name, f"data has lists of {lengths.pop()} elements, the shape {shape} says {shape[level + 1]}"
            )
        values = list(chain.from_iterable(values))
    if len(values) != prod(shape):
        raise InvalidTensorError(
            name, f"data has {len(values)} elements, the shape {shape} says {prod(shape)}"
        )
    return values


def _array(name: str, datatype: Datatype, values: list[Any]) -> Array:
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype=datatype.dtype)
    except OverflowError:
        raise _integer_out_of_range(name, datatype, values) from None
    if datatype.kind is Kind.FLOAT and not np.isfinite(array).all():
        _check_infinities_were_meant(name, datatype, array, values)
    return array


def _check_infinities_were_meant(name: str, datatype: Datatype, array: Array, values: list[Any]) -> None:
    """An infinity stands for the word, or is a number that outgrew the datatype."""
    for index in np.flatnonzero(np.isinf(array)):
        if not isinstance(values[index], str):
            raise InvalidTensorError(name, f"data holds {values[index]}, too large for {datatype.name}")


def _wrong_element(name: str, datatype: Datatype, complaint: str) -> InvalidTensorError:
    found = _WRONG_TYPE.search(complaint)
    where = _WHERE.search(complaint)
    place = f"data{where['where']}" if where else "data"
    got = f", got {found['got']}" if found else " in range" if "out of range" in complaint else ""
    return InvalidTensorError(name, f"{place} must be {datatype.kind.value} for {datatype.name}{got}")


def _integer_out_of_range(name: str, datatype: Datatype, values: list[int]) -> InvalidTensorError:
    wrong = next(value for value in values if not datatype.low <= value <= datatype.high)
    return InvalidTensorError(
        name, f"data holds {_cut(wrong)}, {datatype.name} holds {datatype.low} to {datatype.high}"
    )


def _cut(number: int) -> str:
    text = str(number)
    return text if len(text) <= 40 else f"{text[:37]}..."
