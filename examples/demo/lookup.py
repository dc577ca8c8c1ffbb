"""A preprocessing step that is right on every training row and fails on rows outside their range.

scikit-learn's KBinsDiscretizer cuts the training range of a feature into bins and puts whatever lies outside
into the first or the last one. Written by hand for a server, the same step is often "number of bin edges
below the value, then look that bin up in a table": one comparison and one `Gather`. The table has a row per
training bin, so a value above the highest edge asks for a row that is not there, and onnxruntime
fails the request ("indices element out of data bounds"). No training row does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, compose, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

FEATURES = "features"


def put_table_in_front(
    classifier: ModelProto,
    *,
    binned: int,
    edges: NDArray[np.float64],
    scaled: list[int],
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> ModelProto:
    """Make one model of the hand-written preprocessing and a converted classifier.

    Args:
        classifier: ONNX with input `features`, float32, shape (batch, bins + len(scaled)).
        binned: column of the input that is binned.
        edges: shape (bins + 1,), rising; the lowest and the highest are the range seen in training.
        scaled: the other columns, standardised as (x - mean) / scale.
        mean: shape (len(scaled),).
        scale: shape (len(scaled),).

    Returns:
        ONNX with input `X`, float32, shape (batch, 1 + len(scaled)), and the classifier's outputs.
    """
    bins = len(edges) - 1
    constants: dict[str, NDArray[Any]] = {
        "binned_column": np.array([binned], np.int64),
        "upper_edges": edges[1:].astype(np.float32),
        "one_hot_table": np.eye(bins, dtype=np.float32),
        "scaled_columns": np.array(scaled, np.int64),
        "mean": mean.astype(np.float32),
        "scale": scale.astype(np.float32),
        "last_axis": np.array([1], np.int64),
    }
    graph = helper.make_graph(
        _nodes(),
        "table_lookup",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 1 + len(scaled)])],
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, [None, bins + len(scaled)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    front = helper.make_model(graph, opset_imports=classifier.opset_import, ir_version=classifier.ir_version)
    model = compose.merge_models(front, classifier, io_map=[(FEATURES, FEATURES)])
    checker.check_model(model, full_check=True)
    return model


def _nodes() -> list[NodeProto]:
    node = helper.make_node
    return [
        node("Gather", ["X", "binned_column"], ["value"], axis=1),
        node("Less", ["upper_edges", "value"], ["edge_is_below"]),
        node("Cast", ["edge_is_below"], ["edge_counts"], to=TensorProto.INT64),
        node("ReduceSum", ["edge_counts", "last_axis"], ["bin"], keepdims=0),
        node("Gather", ["one_hot_table", "bin"], ["one_hot"], axis=0, name="look_up_bin"),
        node("Gather", ["X", "scaled_columns"], ["others"], axis=1),
        node("Sub", ["others", "mean"], ["centred"]),
        node("Div", ["centred", "scale"], ["standardised"]),
        node("Concat", ["one_hot", "standardised"], [FEATURES], axis=1),
    ]
