"""Tensors as JSON: every datatype both ways, and every way to get one wrong."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fairway_onnx.datatypes import DATATYPES, Array, Kind
from fairway_onnx.errors import BodyTooLargeError, InvalidTensorError
from fairway_onnx.v2 import tensor_json

MANY = 1 << 20


def decode(datatype: str, shape: list[int], data: bytes, max_bytes: int = MANY) -> Array:
    return tensor_json.decode("x", DATATYPES[datatype], shape, data, max_bytes)


def as_json(array: Array, datatype: str) -> bytes:
    data, _ = tensor_json.encode(array, DATATYPES[datatype])
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)


@dataclass(frozen=True)
class Good:
    why: str
    datatype: str
    data: bytes
    want: Any


GOOD = [
    Good("booleans", "BOOL", b"[true, false]", [True, False]),
    Good("the ends of UINT8", "UINT8", b"[0, 255]", [0, 255]),
    Good("the ends of UINT16", "UINT16", b"[0, 65535]", [0, 65535]),
    Good("the ends of UINT32", "UINT32", b"[0, 4294967295]", [0, 2**32 - 1]),
    Good("the ends of UINT64, exact", "UINT64", b"[0, 18446744073709551615]", [0, 2**64 - 1]),
    Good("the ends of INT8", "INT8", b"[-128, 127]", [-128, 127]),
    Good("the ends of INT16", "INT16", b"[-32768, 32767]", [-32768, 32767]),
    Good("the ends of INT32", "INT32", b"[-2147483648, 2147483647]", [-(2**31), 2**31 - 1]),
    Good(
        "the ends of INT64, exact",
        "INT64",
        b"[-9223372036854775808, 9223372036854775807]",
        [-(2**63), 2**63 - 1],
    ),
    Good("an odd number above 2**53", "INT64", b"[9007199254740993, 1]", [2**53 + 1, 1]),
    Good("half floats as numbers", "FP16", b"[0.5, -65504]", [0.5, -65504.0]),
    Good("floats, integers among them", "FP32", b"[1, 2.5]", [1.0, 2.5]),
    Good("doubles, all digits", "FP64", b"[0.1, 1e308]", [0.1, 1e308]),
    Good("non-finite words", "FP32", b'["NaN", "-Infinity"]', [math.nan, -math.inf]),
    Good("a non-finite word among numbers", "FP64", b'[1.5, "Infinity"]', [1.5, math.inf]),
    Good("text", "BYTES", '["é😀", ""]'.encode(), ["é😀", ""]),
    Good("text with a zero character", "BYTES", rb'["a\u0000b", "\""]', ["a\0b", '"']),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.why)
def test_reads_every_datatype_flat_and_nested(case: Good) -> None:
    flat = decode(case.datatype, [2], case.data)
    column = decode(case.datatype, [2, 1], case.data)
    nested = decode(case.datatype, [1, 2], b" [ " + case.data + b" ] ")
    assert flat.dtype == column.dtype == nested.dtype == DATATYPES[case.datatype].dtype
    assert (flat.shape, column.shape, nested.shape) == ((2,), (2, 1), (1, 2))
    for array in (flat, column, nested):
        assert repr(array.reshape(-1).tolist()) == repr(case.want)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.why)
def test_what_was_read_is_written_back_the_same(case: Good) -> None:
    array = decode(case.datatype, [2], case.data)
    again = decode(case.datatype, [2], as_json(array, case.datatype))
    assert repr(again.tolist()) == repr(array.tolist())


@dataclass(frozen=True)
class Bad:
    why: str
    datatype: str
    shape: list[int]
    data: bytes
    says: str


BAD = [
    Bad("too few elements", "FP32", [3], b"[1, 2]", "data has 2 elements, the shape [3] says 3"),
    Bad("too many elements", "FP32", [1], b"[1, 2]", "more than the 1 elements"),
    Bad("an element for an empty shape", "FP32", [0], b"[1]", "data has 1 elements, the shape [0] says 0"),
    Bad("ragged rows", "FP32", [2, 2], b"[[1, 2], [3]]", "ragged: lists of 1 and of 2"),
    Bad("ragged text", "BYTES", [2, 2], b'[["a", "b"], ["c"]]', "ragged: lists of 1 and of 2"),
    Bad("too few rows", "INT8", [2, 2], b"[[1, 2]]", "data has 1 rows"),
    Bad("rows of the wrong length", "INT8", [2, 3], b"[[1, 2], [3, 4]]", "lists of 2 elements"),
    Bad("columns and rows swapped", "BYTES", [1, 2], b'[["a"], ["b"]]', "data has 2 rows"),
    Bad("a row among numbers", "FP32", [2], b"[1, [2]]", "data[1] must be a number for FP32, got array"),
    Bad("a number among rows", "FP32", [2, 1], b"[[1], 2]", "data[1] must be a number for FP32, got int"),
    Bad("nested deeper than the shape", "FP32", [1], b"[[1]]", "nested 2 deep, the shape has 1 dimensions"),
    Bad("nested less deep than the shape", "FP32", [1, 1, 1], b"[[1]]", "nested 2 deep, the shape has 3"),
    Bad("no array", "FP32", [1], b"1", "data must be an array"),
    Bad("null", "FP32", [1], b"[null]", "data[0] must be a number for FP32, got null"),
    Bad("null as integer", "INT64", [1], b"[null]", "data[0] must be an integer for INT64, got null"),
    Bad("a boolean as float", "FP32", [1], b"[true]", "got bool"),
    Bad("a boolean as integer", "INT64", [1], b"[true]", "got bool"),
    Bad("a number as boolean", "BOOL", [1], b"[1]", "data[0] must be true or false for BOOL, got int"),
    Bad("a fraction as integer", "INT32", [1], b"[1.5]", "got float"),
    Bad("a whole float as integer", "INT32", [1], b"[1.0]", "got float"),
    Bad("text as number", "FP32", [1], b'["1"]', "data[0] must be a number for FP32"),
    Bad("text as integer", "INT32", [1], b'["1"]', "got str"),
    Bad("a misspelt non-finite word", "FP32", [1], b'["nan"]', "data[0] must be a number for FP32"),
    Bad("a boolean beside a non-finite word", "FP32", [2], b'["NaN", true]', "got bool"),
    Bad("a number as text", "BYTES", [1], b"[1]", "data[0] must be a string for BYTES, got int"),
    Bad("text that is not UTF-8", "BYTES", [1], b'["\xff"]', "not valid UTF-8"),
    Bad("half of a surrogate pair", "BYTES", [1], rb'["\ud800"]', "not valid UTF-8"),
    Bad("300 as UINT8", "UINT8", [1], b"[300]", "data holds 300, UINT8 holds 0 to 255"),
    Bad("a negative as UINT16", "UINT16", [1], b"[-1]", "data holds -1, UINT16 holds 0 to 65535"),
    Bad("2**64 as UINT64", "UINT64", [1], b"[18446744073709551616]", "data holds 18446744073709551616"),
    Bad("2**63 as INT64", "INT64", [1], b"[9223372036854775808]", "INT64 holds -9223372036854775808"),
    Bad(
        "an integer of 5,000 digits", "INT64", [1], b"[1" + b"0" * 5000 + b"]", "must be an integer for INT64"
    ),
    Bad("70000 as FP16", "FP16", [1], b"[70000]", "too large for FP16"),
    Bad("1e39 as FP32", "FP32", [1], b"[1e39]", "too large for FP32"),
    Bad("1e39 as FP32 beside a word", "FP32", [2], b'[1e39, "NaN"]', "too large for FP32"),
    Bad("1e400 as FP64", "FP64", [1], b"[1e400]", "must be a number for FP64 in range"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.why)
def test_names_the_tensor_and_what_is_wrong_with_its_data(case: Bad) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        decode(case.datatype, case.shape, case.data)
    assert str(caught.value).startswith("input 'x': ")
    assert case.says in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "shape", [[-1], [2**63], [1] * 33], ids=["negative", "above 2**63 - 1", "33 dimensions"]
)
def test_refuses_shapes_that_no_tensor_has(shape: list[int]) -> None:
    with pytest.raises(InvalidTensorError, match="input 'x': shape"):
        tensor_json.check_shape("x", shape)


def test_a_shape_whose_product_overflows_64_bits_is_a_wrong_count_and_not_a_crash() -> None:
    with pytest.raises(InvalidTensorError, match="data has 1 elements"):
        decode("FP32", [2**62, 2**62], b"[1]")


def test_refuses_more_strings_than_fit_before_making_them() -> None:
    with pytest.raises(BodyTooLargeError, match="strings"):
        decode("BYTES", [100], b"[" + b",".join([b'""'] * 100) + b"]", max_bytes=1000)


def test_an_empty_tensor_may_be_flat_or_nested() -> None:
    assert decode("FP32", [0, 3], b"[]").shape == (0, 3)
    assert decode("FP32", [2, 0], b"[[], []]").shape == (2, 0)


def test_a_scalar_is_a_list_of_one() -> None:
    array = decode("INT8", [], b"[5]")
    assert (array.shape, array.item()) == ((), 5)
    assert as_json(array, "INT8") == b"[5]"


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_non_finite_outputs_become_words_and_say_so(datatype: str) -> None:
    array = np.array([1.5, np.nan, np.inf, -np.inf], DATATYPES[datatype].dtype)
    assert tensor_json.encode(array, DATATYPES[datatype]) == ([1.5, "NaN", "Infinity", "-Infinity"], True)


def test_arrays_that_are_not_contiguous_are_written_in_order() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert as_json(array, "INT32") == b"[0,3,1,4,2,5]"


NUMERIC = [name for name, datatype in DATATYPES.items() if datatype.kind is not Kind.TEXT]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_numeric_array_survives_the_round_trip(data: st.DataObject) -> None:
    datatype = DATATYPES[data.draw(st.sampled_from(NUMERIC))]
    array = data.draw(
        npst.arrays(datatype.dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    )
    again = decode(datatype.name, list(array.shape), as_json(array, datatype.name))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_any_text_survives_the_round_trip(texts: list[str]) -> None:
    array = np.array(texts, dtype=object)
    assert decode("BYTES", [len(texts)], as_json(array, "BYTES")).tolist() == texts


LONG = 300_000


def numbers(count: int) -> list[bytes]:
    return [b"%d.5" % number for number in range(count)]


def rows_of_three(values: list[bytes]) -> bytes:
    return (
        b"["
        + b",".join(b"[%s, %s ,%s]" % tuple(values[at : at + 3]) for at in range(0, len(values), 3))
        + b"]"
    )


def test_long_data_is_the_same_flat_and_nested() -> None:
    values = numbers(LONG)
    flat = decode("FP32", [LONG // 3, 3], b"[" + b",".join(values) + b"]")
    nested = decode("FP32", [LONG // 3, 3], rows_of_three(values))
    np.testing.assert_array_equal(flat, (np.arange(LONG) + 0.5).reshape(-1, 3).astype(np.float32))
    np.testing.assert_array_equal(nested, flat)


def test_long_empty_data_has_its_shape() -> None:
    assert decode("FP32", [LONG * 2, 0], b"[" + b",".join([b"[]"] * LONG * 2) + b"]").shape == (LONG * 2, 0)


def test_long_data_may_hold_non_finite_words() -> None:
    array = decode("FP32", [LONG], b"[" + b",".join([b'"NaN"', *numbers(LONG - 2), b'"-Infinity"']) + b"]")
    assert np.isnan(array[0])
    assert array[-1] == -np.inf
    assert np.isfinite(array[1:-1]).all()


LONG_BAD = [
    ("a null at the end", [LONG], [*numbers(LONG - 1), b"null"], "must be a number for FP32, got null"),
    ("one too few", [LONG], numbers(LONG - 1), f"data has {LONG - 1} elements"),
    ("one too many", [LONG], numbers(LONG + 1), "more than"),
    ("a row at the end", [LONG], [*numbers(LONG - 1), b"[1]"], "got array"),
    ("text with a comma", [LONG], [*numbers(LONG - 2), b'"a,b"'], "data"),
]


@pytest.mark.parametrize(("why", "shape", "values", "says"), LONG_BAD, ids=[row[0] for row in LONG_BAD])
def test_long_data_is_checked_as_well(why: str, shape: list[int], values: list[bytes], says: str) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        decode("FP32", shape, b"[" + b",".join(values) + b"]")
    assert says in str(caught.value)


def test_long_ragged_data_is_refused() -> None:
    values = numbers(LONG)
    good = rows_of_three(values)
    moved = good.replace(b"],[", b",", 1).replace(b"],[", b"],[],[", 1)
    for bad in (
        moved,
        good.replace(b"0.5, 1.5 ,2.5", b"0.5, 1.5", 1),
        good.replace(b"0.5, 1.5 ,2.5", b"", 1),
    ):
        with pytest.raises(InvalidTensorError, match="input 'x'"):
            decode("FP32", [LONG // 3, 3], bad)
    hollow = b"[" + b",".join([b"[1]"] * (LONG * 2 - 1) + [b"[ ]"]) + b"]"
    with pytest.raises(InvalidTensorError, match="input 'x'"):
        decode("FP32", [LONG * 2, 1], hollow)


@pytest.mark.parametrize("shape", [[2, 2**62], [2**62, 1], [1, 0, 2**62], [2**40, 2**40, 2]])
def test_a_huge_claim_over_long_data_is_refused_without_building_it(shape: list[int]) -> None:
    for data in (b"[[1],[2" + b" " * (1 << 20) + b"]]", b"[[[" + b" " * (1 << 20) + b"]]]"):
        with pytest.raises(InvalidTensorError, match="input 'x'"):
            decode("FP32", shape, data)
