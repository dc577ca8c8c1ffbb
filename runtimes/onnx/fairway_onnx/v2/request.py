"""The body of an infer request: JSON bytes to named arrays."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from fairway_onnx.datatypes import DATATYPES, Array, Datatype
from fairway_onnx.errors import BodyTooLargeError, InvalidRequestError, InvalidTensorError, shown
from fairway_onnx.v2 import tensor_json

Parameters = dict[str, bool | int | float | str]


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: Parameters | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters | None = None


class _Body(msgspec.Struct):
    inputs: list[_Input]
    outputs: list[_Output] | None = None
    id: str | None = None
    parameters: Parameters | None = None


@dataclass(frozen=True, slots=True)
class InferBody:
    """A decoded request; `outputs` is empty when the client wants all of them."""

    inputs: dict[str, Array]
    outputs: tuple[str, ...]
    id: str | None
    parameters: Parameters | None


_MAX_LOOKUP_BYTES = 1 << 20
"""A wrong body is parsed a second time, whole, to find the name of its input: only up to this length."""

_BODY = msgspec.json.Decoder(_Body)
_PLACE = re.compile(r" - at `\$\.(?P<list>inputs|outputs)\[(?P<index>\d+)\]")


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
    _check_parameters(envelope.parameters)
    return InferBody(
        inputs=_inputs(envelope.inputs, max_decoded_bytes),
        outputs=_outputs(envelope.outputs or []),
        id=envelope.id,
        parameters=envelope.parameters,
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
    name = _name_at(body, place["list"], int(place["index"]))
    role = place["list"].removesuffix("s")
    if name is None:
        return InvalidRequestError(f"{role} {place['index']}: {complaint}")
    return InvalidTensorError(name, complaint, role=role)


def _name_at(body: bytes, key: str, index: int) -> str | None:
    if len(body) > _MAX_LOOKUP_BYTES:
        return None
    try:
        loaded: Any = orjson.loads(body)
        name = loaded[key][index]["name"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return None
    return name if isinstance(name, str) else None
