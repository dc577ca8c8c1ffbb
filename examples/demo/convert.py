"""scikit-learn models as ONNX files that are drop-in revisions of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper
from skl2onnx import convert_sklearn  # type: ignore[import-untyped]
from skl2onnx.common.data_types import FloatTensorType  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from onnx import ModelProto

OPSETS = {"": 21, "ai.onnx.ml": 3}


def to_onnx(model: Any, features: int, input_name: str = "X") -> ModelProto:
    """Convert a fitted classifier.

    Returns:
        A model with one float32 input, shape (batch, features), and the outputs `label` (int64, shape
        (batch,)) and `probabilities` (float32, shape (batch, classes)): plain tensors, no maps.
    """
    converted: ModelProto = convert_sklearn(
        model,
        initial_types=[(input_name, FloatTensorType([None, features]))],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    return converted


def tidy(model: ModelProto, name: str) -> None:
    """Name the model and its first axis, and import each opset once, in a fixed order."""
    model.graph.name = name
    model.graph.doc_string = ""  # composing models writes a random name into it
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS.items())


def serialise(model: ModelProto, properties: dict[str, str]) -> bytes:
    """The file of a model that says where it comes from; the same model gives the same bytes."""
    helper.set_model_props(model, properties)
    return model.SerializeToString(deterministic=True)
