"""The tensor datatypes of the Open Inference Protocol that the server speaks, each with its numpy dtype.

BYTES is carried as an object array of `str`. BF16 and the 8 and 4 bit floats are absent: numpy has no dtype
for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Kind(Enum):
    """What one element looks like in JSON."""

    BOOL = "true or false"
    INTEGER = "an integer"
    FLOAT = "a number"
    TEXT = "a string"


@dataclass(frozen=True, slots=True)
class Datatype:
    """`low` and `high` bound the integers; both are 0 for other kinds."""

    name: str
    dtype: np.dtype[Any]
    kind: Kind
    low: int = 0
    high: int = 0


def _integer(name: str, dtype: type[np.integer[Any]]) -> Datatype:
    limits = np.iinfo(dtype)
    return Datatype(name, np.dtype(dtype), Kind.INTEGER, int(limits.min), int(limits.max))


DATATYPES: Mapping[str, Datatype] = {
    datatype.name: datatype
    for datatype in (
        Datatype("BOOL", np.dtype(np.bool_), Kind.BOOL),
        _integer("UINT8", np.uint8),
        _integer("UINT16", np.uint16),
        _integer("UINT32", np.uint32),
        _integer("UINT64", np.uint64),
        _integer("INT8", np.int8),
        _integer("INT16", np.int16),
        _integer("INT32", np.int32),
        _integer("INT64", np.int64),
        Datatype("FP16", np.dtype(np.float16), Kind.FLOAT),
        Datatype("FP32", np.dtype(np.float32), Kind.FLOAT),
        Datatype("FP64", np.dtype(np.float64), Kind.FLOAT),
        Datatype("BYTES", np.dtype(object), Kind.TEXT),
    )
}

_BY_DTYPE: Mapping[np.dtype[Any], Datatype] = {datatype.dtype: datatype for datatype in DATATYPES.values()}


def datatype_of(array: Array) -> Datatype:
    """The protocol's datatype of an array.

    Raises:
        KeyError: the dtype has no name in the protocol.
    """
    return _BY_DTYPE[array.dtype]
