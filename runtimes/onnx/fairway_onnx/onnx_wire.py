"""Reads from an ONNX file the little that must be known before the runtime opens it. Pure, no `onnx` package.

An ONNX file is a protobuf message. External data is a *file name inside the model*, so a hostile model can
ask the runtime to read any file of the machine; all such names are collected here, from every place a tensor
can stand: initializers, sparse initializers, node attributes, subgraphs, functions and training graphs.

The walk is a table (`_CHILDREN`): which field of which message leads to a message worth entering. Everything
else is stepped over by its length, so weights are never read.

Source: the wire format, https://protobuf.dev/programming-guides/encoding/; field numbers, onnx/onnx.proto.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import mmap

MAX_DEPTH = 100
"""Nested messages, as deep as protobuf itself goes."""

MAX_FIELDS = 20_000_000
"""Fields looked at in one file; a bound on the work that a hostile file can cause."""

Buffer = bytes | mmap

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 8: "OperatorSet", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
    "OperatorSet": {},
    "Entry": {},
}

# A tree ensemble keeps hundreds of thousands of numbers as one field each; stepping over a run of them in one
# match is a hundred times faster than one by one.
_NUMBER_RUNS: Mapping[str, re.Pattern[bytes]] = {
    "Attribute": re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x3d.{4})*+", re.DOTALL),
    "Tensor": re.compile(
        rb"(?:[\x08\x28\x38\x58][\x80-\xff]{0,9}[\x00-\x7f]|\x25.{4}|\x51.{8})*+", re.DOTALL
    ),
}


class WireError(ValueError):
    """The bytes are no protobuf message, or go beyond the limits of this reader."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """`opsets` maps domain to version; `external_locations` are as written in the file, each once."""

    ir_version: int
    opsets: Mapping[str, int]
    external_locations: tuple[bytes, ...]
    has_graph: bool


def read_facts(buffer: Buffer) -> ModelFacts:
    """Walk a serialized ModelProto.

    Raises:
        WireError: truncated, not protobuf, nested deeper than MAX_DEPTH, or more than MAX_FIELDS fields.
    """
    ir_version = 0
    has_graph = False
    opsets: dict[str, int] = {}
    locations: dict[bytes, None] = {}
    for message, fields in _messages(buffer):
        if message == "Model":
            ir_version = fields.numbers.get(1, ir_version)
            has_graph = has_graph or fields.entered_graph
        elif message == "OperatorSet":
            opsets[_text(fields.texts.get(1, b""))] = fields.numbers.get(2, 0)
        elif message == "Entry" and fields.texts.get(1) == b"location":
            locations[fields.texts.get(2, b"")] = None
    return ModelFacts(ir_version, opsets, tuple(locations), has_graph)


@dataclass(slots=True)
class _Fields:
    """The plain fields of one message, last one wins as in protobuf; texts only of the small messages."""

    numbers: dict[int, int]
    texts: dict[int, bytes]
    children: list[tuple[str, int, int]]
    entered_graph: bool = False


_KEEPS_TEXT = frozenset({"OperatorSet", "Entry"})
_MAX_TEXT = 4096


def _messages(buffer: Buffer) -> Iterator[tuple[str, _Fields]]:
    stack = [("Model", 0, len(buffer), 1)]
    budget = MAX_FIELDS
    while stack:
        message, start, end, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise WireError(f"nested more than {MAX_DEPTH} messages deep")
        fields, budget = _scan(buffer, message, start, end, budget)
        yield message, fields
        stack.extend((child, at, until, depth + 1) for child, at, until in fields.children)


def _scan(buffer: Buffer, message: str, start: int, end: int, budget: int) -> tuple[_Fields, int]:
    fields = _Fields({}, {}, [])
    children = _CHILDREN[message]
    runs = _NUMBER_RUNS.get(message)
    at = start
    while at < end:
        budget -= 1
        if budget < 0:
            raise WireError(f"more than {MAX_FIELDS} fields")
        if runs is not None and (run := runs.match(buffer, at, end)) is not None and run.end() > at:
            at = run.end()
            continue
        tag, at = _varint(buffer, at, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError(f"field number 0 at byte {at}")
        if wire_type == _VARINT:
            fields.numbers[number], at = _varint(buffer, at, end)
        elif wire_type == _LENGTH:
            size, at = _varint(buffer, at, end)
            if size > end - at:
                raise WireError(f"truncated: {size} bytes announced at byte {at}, {end - at} are left")
            _take(fields, message, children.get(number), number, buffer, at, size)
            at += size
        else:
            at = _after_fixed(wire_type, at, end)
    return fields, budget


def _take(
    fields: _Fields, message: str, child: str | None, number: int, buffer: Buffer, at: int, size: int
) -> None:
    if child is not None:
        fields.children.append((child, at, at + size))
        fields.entered_graph = fields.entered_graph or child == "Graph"
    elif message in _KEEPS_TEXT:
        if size > _MAX_TEXT:
            raise WireError(f"a name of {size} bytes")
        fields.texts[number] = buffer[at : at + size]


def _after_fixed(wire_type: int, at: int, end: int) -> int:
    if wire_type not in (_FIXED32, _FIXED64):
        raise WireError(f"wire type {wire_type} at byte {at}")
    after = at + (4 if wire_type == _FIXED32 else 8)
    if after > end:
        raise WireError("truncated inside a number")
    return after


def _varint(buffer: Buffer, at: int, end: int) -> tuple[int, int]:
    """The number at `at` and the position after it: 7 bits a byte, lowest first, at most ten bytes."""
    value = shift = 0
    while at < end:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift >= 70:
            raise WireError(f"a number of more than ten bytes before byte {at}")
    raise WireError("truncated inside a number")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
