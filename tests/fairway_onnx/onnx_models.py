"""Small real ONNX models, built by hand so that each test says what it needs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Shape = Sequence[int | str | None]

ELEMENT_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def tensor(name: str, datatype: str, shape: Shape) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[datatype], shape)


def make_model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
    *,
    opsets: dict[str, int] | None = None,
    ir_version: int = 10,
) -> ModelProto:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or {"": 20}).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version)


def save(model: ModelProto, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def echo(**inputs: tuple[str, Shape]) -> ModelProto:
    """Each input comes back as the output `<name>_out`."""
    return make_model(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in inputs],
        [tensor(name, datatype, shape) for name, (datatype, shape) in inputs.items()],
        [tensor(f"{name}_out", datatype, shape) for name, (datatype, shape) in inputs.items()],
    )


def doubler(opsets: dict[str, int] | None = None, ir_version: int = 10) -> ModelProto:
    """y = x + x for x: FP32 [n, 3]."""
    return make_model(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [tensor("x", "FP32", ["n", 3])],
        [tensor("y", "FP32", ["n", 3])],
        opsets=opsets,
        ir_version=ir_version,
    )


def picker() -> ModelProto:
    """Picks table[index - 10] from a table of 3: fails at run time outside of it, so at 0 too."""
    table = numpy_helper.from_array(np.arange(3, dtype=np.float32), "table")
    ten = numpy_helper.from_array(np.array([10], np.int64), "ten")
    return make_model(
        [
            helper.make_node("Sub", ["index", "ten"], ["at"]),
            helper.make_node("Gather", ["table", "at"], ["row"]),
        ],
        [tensor("index", "INT64", ["n"])],
        [tensor("row", "FP32", ["n"])],
        [table, ten],
    )


def odd_outputs() -> ModelProto:
    """q = a / b, a way to NaN and the infinities, and `text`, a string that is no UTF-8."""
    constant = TensorProto(name="constant", data_type=TensorProto.STRING, dims=[1], string_data=[b"\xff\xfe"])
    return make_model(
        [helper.make_node("Identity", ["constant"], ["text"]), helper.make_node("Div", ["a", "b"], ["q"])],
        [tensor("a", "FP32", ["n"]), tensor("b", "FP32", ["n"])],
        [tensor("q", "FP32", ["n"]), tensor("text", "BYTES", [1])],
        [constant],
    )


def counting(turns: int | None = None) -> ModelProto:
    """A loop that takes about a microsecond a turn and can be asked to end between any two of them.

    Args:
        turns: the number of turns, or None to take it from the input `turns`: INT64 [1].
    """
    body: GraphProto = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still_go_on"]),
            helper.make_node("Add", ["count", "one"], ["more"]),
        ],
        "body",
        [tensor("turn", "INT64", []), tensor("go_on", "BOOL", []), tensor("count", "FP32", [1])],
        [tensor("still_go_on", "BOOL", []), tensor("more", "FP32", [1])],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    initializers = [
        numpy_helper.from_array(np.array(True), "yes"),
        numpy_helper.from_array(np.array([], np.int64), "scalar"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
    ]
    if turns is not None:
        initializers.append(numpy_helper.from_array(np.array([turns], np.int64), "fixed"))
    return make_model(
        [
            helper.make_node("Reshape", ["turns" if turns is None else "fixed", "scalar"], ["trip"]),
            helper.make_node("Loop", ["trip", "yes", "zero"], ["count"], body=body),
            helper.make_node("Identity", ["turns"], ["asked"]),
        ],
        [tensor("turns", "INT64", [1])],
        [tensor("count", "FP32", [1]), tensor("asked", "INT64", [1])],
        initializers,
    )


def external_tensor(name: str, location: str, size: int = 4) -> TensorProto:
    """An FP32 vector whose numbers lie in another file."""
    outside = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[size])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value=location)
    outside.external_data.add(key="length", value=str(4 * size))
    return outside


def with_external_weights(location: str) -> ModelProto:
    """y = x + w, w: FP32 [4] in the file `location`."""
    return make_model(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [tensor("x", "FP32", ["n", 4])],
        [tensor("y", "FP32", ["n", 4])],
        [external_tensor("w", location)],
    )


def zipmap_classifier() -> ModelProto:
    """Returns its scores as a sequence of maps, as converters for classifiers do by default."""
    labels = helper.make_node("ZipMap", ["x"], ["scores"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    return make_model(
        [labels],
        [tensor("x", "FP32", ["n", 2])],
        [helper.make_value_info("scores", kind)],
        opsets={"": 20, "ai.onnx.ml": 3},
    )


def sequence_input() -> ModelProto:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, ["n"]))
    return make_model(
        [helper.make_node("ConcatFromSequence", ["parts"], ["whole"], axis=0)],
        [helper.make_value_info("parts", kind)],
        [tensor("whole", "FP32", ["m"])],
    )


def custom_op() -> ModelProto:
    return make_model(
        [helper.make_node("Sonar", ["x"], ["y"], domain="com.example")],
        [tensor("x", "FP32", ["n"])],
        [tensor("y", "FP32", ["n"])],
        opsets={"": 20, "com.example": 1},
    )


def check(model: ModelProto) -> ModelProto:
    """The model, after onnx's own checker has passed it."""
    onnx.checker.check_model(model)
    return model
