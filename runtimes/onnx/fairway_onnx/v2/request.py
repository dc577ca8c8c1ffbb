"""The body of an infer request: JSON bytes to named arrays."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import orjson

from fairway_onnx.datatypes import DATATYPES, Array, Datatype
from fairway_onnx.errors import BodyTooLargeError, InvalidRequestError, InvalidTensorError, shown
from fairway_onnx.v2 import tensor_json

T = TypeVar("T")
Parameters = dict[str, bool | int | float | str]


_NULL = msgspec.Raw(b"null")


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _Output(msgspec.Struct):
    name: str


class _Body(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    outputs: msgspec.Raw = _NULL
    parameters: msgspec.Raw = _NULL


@dataclass(frozen=True, slots=True)
class InferBody:
    """A decoded request; `outputs` is empty when the client wants all of them."""

    inputs: dict[str, Array]
    outputs: tuple[str, ...]
    id: str | None
    parameters: Parameters | None


_MAX_LOOKUP_BYTES = 1 << 20
"""A wrong body is parsed a second time, whole, to find the name of its input: only up to this length."""

_MAX_PART_BYTES = 1 << 20

_BODY = msgspec.json.Decoder(_Body)
_OUTPUTS = msgspec.json.Decoder(list[_Output] | None)
_PARAMETERS = msgspec.json.Decoder(Parameters | None)
_PLACE = re.compile(r" - at `\$\.inputs\[(?P<index>\d+)\]")


def decode_request(body: bytes, max_decoded_bytes: int) -> InferBody:
    """Decode the body of an infer request.

    Args:
        body: JSON text, UTF-8.
        max_decoded_bytes: bound on the memory of all decoded tensors together.

    Raises:
        InvalidRequestError: not JSON, or not the JSON of an infer request.
        InvalidTensorError: one tensor is wrong in itself; the model's signature is not known here.
        BodyTooLargeError: the tensors would take more than `max_decoded_bytes`.
    """
    envelope = _envelope(body)
    parameters = _part(_PARAMETERS, "parameters", envelope.parameters)
    _check_parameters(parameters)
    return InferBody(
        inputs=_inputs(envelope.inputs, max_decoded_bytes),
        outputs=_outputs(_part(_OUTPUTS, "outputs", envelope.outputs) or []),
        id=envelope.id,
        parameters=parameters,
    )


def _envelope(body: bytes) -> _Body:
    try:
        return _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_envelope(body, str(error)) from None
    except RecursionError:
        raise InvalidRequestError("the body is JSON nested too deep") from None
    except UnicodeDecodeError:
        raise InvalidRequestError("the body is not valid UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from None


def _part(decoder: msgspec.json.Decoder[T | None], name: str, raw: msgspec.Raw) -> T | None:
    """A small part of the body, measured before it is decoded: Python objects take ten times its length."""
    if raw is _NULL:
        return None
    if len(raw) > _MAX_PART_BYTES:
        raise InvalidRequestError(f"{name} takes more than {_MAX_PART_BYTES} bytes")
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"{name}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequestError(f"{name} holds a string that is not valid UTF-8") from None


def _inputs(inputs: list[_Input], max_decoded_bytes: int) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    needed = 0
    for tensor in inputs:
        if tensor.name in arrays:
            raise InvalidTensorError(tensor.name, "given twice")
        datatype = _datatype(tensor)
        tensor_json.check_shape(tensor.name, tensor.shape)
        data = bytes(tensor.data)
        # A shape is only a claim: what it claims counts against the limit once the data can be that long.
        needed += min(tensor_json.memory_needed(datatype, tensor.shape), len(data) * datatype.dtype.itemsize)
        if needed > max_decoded_bytes:
            raise BodyTooLargeError(
                f"input {shown(tensor.name)}: decoded, it would take more than {max_decoded_bytes} bytes"
            )
        arrays[tensor.name] = tensor_json.decode(tensor.name, datatype, tensor.shape, data, max_decoded_bytes)
    return arrays


def _datatype(tensor: _Input) -> Datatype:
    datatype = DATATYPES.get(tensor.datatype)
    if datatype is None:
        raise InvalidTensorError(
            tensor.name,
            f"unknown datatype {shown(tensor.datatype, 40)}, expected one of {', '.join(DATATYPES)}",
        )
    return datatype


def _outputs(outputs: list[_Output]) -> tuple[str, ...]:
    names = dict.fromkeys(output.name for output in outputs)
    if len(names) != len(outputs):
        seen: set[str] = set()
        for output in outputs:
            if output.name in seen:
                raise InvalidTensorError(output.name, "requested twice", role="output")
            seen.add(output.name)
    return tuple(names)


def _check_parameters(parameters: Parameters | None) -> None:
    """They are echoed, so they must be what the encoder can write."""
    for name, value in (parameters or {}).items():
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise InvalidRequestError(f"parameter {shown(name)}: the integer does not fit 64 bits")


def _wrong_envelope(body: bytes, complaint: str) -> InvalidRequestError:
    """Msgspec tells where by index; a client knows tensors by name, so look the name up."""
    place = _PLACE.search(complaint)
    if place is None:
        return InvalidRequestError(f"the body is not an infer request: {complaint}")
    name = _name_of_input(body, int(place["index"]))
    if name is None:
        return InvalidRequestError(f"input {place['index']}: {complaint}")
    return InvalidTensorError(name, complaint)


def _name_of_input(body: bytes, index: int) -> str | None:
    if len(body) > _MAX_LOOKUP_BYTES:
        return None
    try:
        loaded: Any = orjson.loads(body)
        name = loaded["inputs"][index]["name"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return None
    return name if isinstance(name, str) else None
