"""Small ONNX models of one shape, so that all can stand in for each other: X: FP32 [n, 2] -> y: FP32 [n]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

ROWS = 100
BAD_ROWS = 7
"""The bad model fails on this many of the rows."""


def rows() -> list[list[float]]:
    return [[float(index), 0.5] for index in range(ROWS)]


def good(number: int) -> ModelProto:
    """Answers every row; each number is another model."""
    return _model(
        [
            helper.make_node("ReduceSum", ["X", "axis"], ["sum"], keepdims=0),
            helper.make_node("Add", ["sum", "number"], ["y"]),
        ],
        [_array("axis", np.array([1], np.int64)), _array("number", np.array([number], np.float32))],
    )


def bad(number: int) -> ModelProto:
    """Looks rows up in a table that ends too early: the last few fail at run time."""
    table = np.arange(ROWS - BAD_ROWS, dtype=np.float32) + np.float32(number)
    return _model(
        [
            helper.make_node("Gather", ["X", "zero"], ["first"], axis=1),
            helper.make_node("Cast", ["first"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "index"], ["y"]),
        ],
        [_array("zero", np.array(0, np.int64)), _array("table", table)],
    )


def slow(turns: int) -> ModelProto:
    """Needs about a microsecond for each turn, times the largest number in X; for zeros no time at all."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still_go_on"]),
            helper.make_node("Add", ["count", "one"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("count", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("still_go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]),
        ],
        [_array("one", np.ones(1, np.float32))],
    )
    return _model(
        [
            helper.make_node("ReduceMax", ["X"], ["largest"], keepdims=0),
            helper.make_node("Mul", ["largest", "turns"], ["product"]),
            helper.make_node("Cast", ["product"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Loop", ["whole", "yes", "zero"], ["counted"], body=body),
            helper.make_node("ReduceSum", ["X", "axis"], ["sum"], keepdims=0),
            helper.make_node("Add", ["sum", "counted"], ["y"]),
        ],
        [
            _array("turns", np.array(turns, np.float32)),
            _array("yes", np.array(True)),
            _array("zero", np.zeros(1, np.float32)),
            _array("axis", np.array([1], np.int64)),
        ],
    )


def too_new() -> ModelProto:
    """An operator set that no runtime knows yet."""
    model = good(0)
    model.opset_import[0].version = 9999
    return model


def save(model: ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def _model(nodes: list[NodeProto], initializers: list[TensorProto]) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _array(name: str, value: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(value, name)
