"""Long numeric JSON arrays without a Python object per element: unnest and cut them as text."""

from collections.abc import Iterator
from itertools import takewhile
from math import prod

from fairway_onnx.errors import InvalidTensorError

_NOT_SKELETON = bytes(set(range(256)) - set(b"[],"))


def unnested(name: str, shape: list[int], data: bytes) -> bytes:
    """Nested data as flat data of the same elements.

    Args:
        name: the tensor's name, for messages.
        shape: at least two sizes.
        data: a well-formed JSON array of arrays.

    Raises:
        InvalidTensorError: the nesting is not that of the shape.
    """
    # What is below a size of 0 does not show in the text. The counts come first: a shape is only a claim, and
    # a skeleton as large as the claim could be larger than the machine.
    sizes = [*takewhile(bool, shape), 0] if 0 in shape else shape
    counts_fit = data.count(b"[") == _brackets(sizes) and data.count(b",") + 1 == comma_slots(sizes)
    if not counts_fit or data.translate(None, _NOT_SKELETON) != _skeleton(sizes):
        raise InvalidTensorError(name, f"data is ragged or is not nested as the shape {shape} says")
    return b"[]" if 0 in shape else b"[%s]" % data.translate(None, b"[]")


def pieces(flat: bytes, size: int) -> Iterator[bytes]:
    """Cut a flat JSON array at commas into arrays of about `size` bytes; an empty array gives none."""
    start, end = flat.index(b"[") + 1, flat.rindex(b"]")
    if not flat[start:end].strip():
        return
    while start <= end:
        cut = flat.find(b",", min(start + size, end), end)
        cut = end if cut < 0 else cut
        yield b"[%s]" % flat[start:cut]
        start = cut + 1


def comma_slots(shape: list[int]) -> int:
    """One more than the commas of nested data: its elements, or the empty lists where a size is 0."""
    return prod(takewhile(bool, shape))


def _brackets(shape: list[int]) -> int:
    """How many arrays nested data of this shape has: itself, its rows, their rows and so on."""
    return sum(prod(shape[:level]) for level in range(len(shape)))


def _skeleton(shape: list[int]) -> bytes:
    """Brackets and commas of nested data: [2, 3] gives `[[,,],[,,]]`."""
    inner = b"[" + b"," * (shape[-1] - 1) + b"]"
    for size in reversed(shape[:-1]):
        inner = b"[" + ((inner + b",") * size)[:-1] + b"]"
    return inner
