"""Inputs that a model may accept, made up from its signature alone, for the first run after loading."""

import numpy as np

from fairway_onnx.datatypes import DATATYPES, Array, Kind
from fairway_onnx.signature import Signature, TensorSpec


def made_up_inputs(signature: Signature) -> dict[str, Array]:
    """Zeros, false and empty strings; every dynamic size is 1."""
    return {spec.name: _made_up(spec) for spec in signature.inputs}


def _made_up(spec: TensorSpec) -> Array:
    datatype = DATATYPES[spec.datatype]
    shape = tuple(size if isinstance(size, int) else 1 for size in spec.shape)
    return np.full(shape, "" if datatype.kind is Kind.TEXT else 0, dtype=datatype.dtype)
