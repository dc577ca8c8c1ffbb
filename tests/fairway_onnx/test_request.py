"""The envelope of an infer request and of its answer."""

from dataclasses import dataclass

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway_onnx.errors import BodyTooLargeError, InvalidRequestError, RequestError
from fairway_onnx.v2.request import decode_request
from fairway_onnx.v2.response import encode_response

MANY = 1 << 20
X = b'{"name":"x","shape":[1],"datatype":"FP32","data":[1]}'


def test_reads_inputs_outputs_id_and_parameters() -> None:
    body = decode_request(
        b'{"id":"7","parameters":{"a":1,"b":"c"},"outputs":[{"name":"y"}],"inputs":[%s],"unknown":0}' % X,
        MANY,
    )
    assert body.inputs["x"].tolist() == [1.0]
    assert (body.outputs, body.id, body.parameters) == (("y",), "7", {"a": 1, "b": "c"})


def test_no_outputs_named_means_all() -> None:
    assert decode_request(b'{"inputs":[%s]}' % X, MANY).outputs == ()


@dataclass(frozen=True)
class Bad:
    why: str
    body: bytes
    says: str


def wrong_input(field: bytes, value: bytes) -> bytes:
    return b'{"inputs":[%s,{"name":"z","shape":[1],"datatype":"FP32","data":[1],"%s":%s}]}' % (
        X,
        field,
        value,
    )


BAD = [
    Bad("empty", b"", "not JSON"),
    Bad("not JSON", b"{inputs}", "not JSON"),
    Bad("cut off", b'{"inputs":[' + X, "not JSON"),
    Bad("something after the end", b'{"inputs":[]} x', "not JSON"),
    Bad("a bare NaN", b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}', "not JSON"),
    Bad("not UTF-8", b'{"id":"\xff","inputs":[]}', "not valid UTF-8"),
    Bad("a list", b"[]", "not an infer request"),
    Bad("no inputs", b"{}", "missing required field `inputs`"),
    Bad("inputs is an object", b'{"inputs":{}}', "$.inputs"),
    Bad("a numeric id", b'{"id":1,"inputs":[]}', "$.id"),
    Bad("a nested parameter", b'{"parameters":{"a":[1]},"inputs":[]}', "parameters:"),
    Bad(
        "a parameter beyond 64 bits",
        b'{"parameters":{"a":18446744073709551616},"inputs":[]}',
        "parameter 'a'",
    ),
    Bad("an input without a name", b'{"inputs":[{"shape":[1]}]}', "input 0:"),
    Bad("an input with a numeric name", b'{"inputs":[{"name":1}]}', "input 0:"),
    Bad("an input without data", b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]}', "input 'x':"),
    Bad("a shape that is no list", wrong_input(b"shape", b"1"), "input 'z':"),
    Bad("a shape of text", wrong_input(b"shape", b'["1"]'), "input 'z':"),
    Bad("a shape of fractions", wrong_input(b"shape", b"[1.5]"), "input 'z':"),
    Bad("a null shape", wrong_input(b"shape", b"null"), "input 'z':"),
    Bad("a huge shape", wrong_input(b"shape", b"[18446744073709551616]"), "input 'z':"),
    Bad("a numeric datatype", wrong_input(b"datatype", b"32"), "input 'z':"),
    Bad("an unknown datatype", wrong_input(b"datatype", b'"FP8"'), "input 'z': unknown datatype 'FP8'"),
    Bad(
        "a datatype in small letters",
        wrong_input(b"datatype", b'"fp32"'),
        "input 'z': unknown datatype 'fp32'",
    ),
    Bad("data that is no list", wrong_input(b"data", b'{"a":1}'), "input 'z': data must be an array"),
    Bad("null data", wrong_input(b"data", b"null"), "input 'z': data must be an array"),
    Bad("parameters that are no object", b'{"parameters":1,"inputs":[]}', "parameters:"),
    Bad("parameters that are not UTF-8", b'{"parameters":{"a":"\xff"},"inputs":[]}', "parameters"),
    Bad(
        "a megabyte of parameters",
        b'{"parameters":{"a":"%s"},"inputs":[]}' % (b"a" * (1 << 20)),
        "parameters takes",
    ),
    Bad("a megabyte of outputs", b'{"outputs":["%s"],"inputs":[]}' % (b"a" * (1 << 20)), "outputs takes"),
    Bad("the same input twice", b'{"inputs":[%s,%s]}' % (X, X), "input 'x': given twice"),
    Bad(
        "the same output twice",
        b'{"inputs":[],"outputs":[{"name":"y"},{"name":"y"}]}',
        "output 'y': requested",
    ),
    Bad("an output that is text", b'{"inputs":[],"outputs":["y"]}', "outputs:"),
    Bad("nested too deep", b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    Bad(
        "deep nesting in an unknown field",
        b'{"inputs":[],"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "too deep",
    ),
    Bad("deep nesting in data", wrong_input(b"data", b"[" * 100_000 + b"]" * 100_000), "too deep"),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.why)
def test_says_what_is_wrong_with_the_envelope(case: Bad) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        decode_request(case.body, MANY)
    assert case.says in str(caught.value)
    assert len(str(caught.value)) < 300


def test_refuses_tensors_that_outgrow_the_limit_when_decoded() -> None:
    one = b'{"name":"%c","shape":[40],"datatype":"FP64","data":[%s]}'
    data = b",".join([b"0"] * 40)
    body = b'{"inputs":[%s,%s]}' % (one % (b"a", data), one % (b"b", data))
    assert set(decode_request(body, 640).inputs) == {"a", "b"}
    with pytest.raises(BodyTooLargeError, match="input 'b'"):
        decode_request(body, 639)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 100))
def test_damaged_bodies_are_the_clients_fault(junk: bytes, at: int) -> None:
    """A request with junk in the middle is refused by a typed error, or still makes sense."""
    body = b'{"id":"1","inputs":[%s],"outputs":[{"name":"y"}]}' % X
    damaged = body[:at] + junk + body[at:]
    try:
        decode_request(damaged, MANY)
    except RequestError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - not raising is also fine


def test_the_answer_echoes_id_and_parameters_and_keeps_the_order_of_outputs() -> None:
    outputs = {"b": np.array([[1, 2]], np.int64), "a": np.array(["t"], dtype=object)}
    assert orjson.loads(encode_response(("m", "3"), outputs, "7", {"k": True})) == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "parameters": {"k": True},
        "outputs": [
            {"name": "b", "shape": [1, 2], "datatype": "INT64", "data": [1, 2]},
            {"name": "a", "shape": [1], "datatype": "BYTES", "data": ["t"]},
        ],
    }


def test_the_answer_never_holds_null_for_a_non_finite_number() -> None:
    written = encode_response(("m", "1"), {"y": np.array([np.nan], np.float32)}, None, None)
    assert b"null" not in written
    assert orjson.loads(written)["outputs"][0] == {
        "name": "y",
        "shape": [1],
        "datatype": "FP32",
        "parameters": {"non_finite": True},
        "data": ["NaN"],
    }
