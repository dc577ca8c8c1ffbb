"""The reader of ONNX files finds every external file name, and no bytes can make it crash or run long."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fairway_onnx.onnx_wire import MAX_DEPTH, WireError, read_facts

from . import onnx_models as models


def locations(model: onnx.ModelProto) -> set[bytes]:
    return set(read_facts(model.SerializeToString()).external_locations)


def test_reads_versions_and_opsets() -> None:
    facts = read_facts(models.doubler({"": 21, "ai.onnx.ml": 4}, ir_version=9).SerializeToString())
    assert (facts.ir_version, dict(facts.opsets), facts.has_graph) == (9, {"": 21, "ai.onnx.ml": 4}, True)
    assert facts.external_locations == ()


def test_finds_external_data_wherever_a_tensor_can_stand() -> None:
    """Each place has once been the hole through which a checker was passed by."""
    out = models.external_tensor
    branch = helper.make_graph([], "branch", [], [], [out("b", "subgraph")])
    deeper = helper.make_graph([helper.make_node("If", ["c"], [], then_branch=branch)], "deeper", [], [])
    sparse = onnx.SparseTensorProto(
        values=out("v", "sparse values"), indices=out("i", "sparse indices"), dims=[4]
    )
    node = helper.make_node("Constant", [], ["k"], value=out("t", "attribute tensor"))
    node.attribute.append(helper.make_attribute("many", [out("t", "attribute tensors")]))
    node.attribute.append(helper.make_attribute("graph", deeper))
    node.attribute.append(
        helper.make_attribute("graphs", [helper.make_graph([], "g", [], [], [out("g", "graphs")])])
    )
    node.attribute.append(onnx.AttributeProto(name="s", type="SPARSE_TENSOR", sparse_tensor=sparse))
    other = onnx.SparseTensorProto(values=out("v", "sparse list"))
    node.attribute.append(onnx.AttributeProto(name="ss", type="SPARSE_TENSORS", sparse_tensors=[other]))
    model = models.make_model([node], [], [], [out("w", "initializer")])
    model.graph.sparse_initializer.add(values=out("v", "sparse initializer"))
    inner = helper.make_node("Constant", [], ["k"], value=out("t", "function"))
    model.functions.append(helper.make_function("d", "f", [], ["k"], [inner], [helper.make_opsetid("", 20)]))
    default = helper.make_attribute("a", out("t", "function attribute"))
    model.functions[0].attribute_proto.append(default)
    model.training_info.add().algorithm.initializer.append(out("w", "training"))
    model.training_info.add().initialization.initializer.append(out("w", "training start"))
    assert {name.decode() for name in locations(model)} == {
        "initializer", "sparse initializer", "attribute tensor", "attribute tensors", "subgraph", "graphs",
        "sparse values", "sparse indices", "sparse list", "function", "function attribute", "training",
        "training start",
    }  # fmt: skip


def test_finds_every_location_of_a_tensor_that_names_several() -> None:
    """Protobuf readers disagree on which of two equal keys wins, so all of them must be harmless."""
    tensor = models.external_tensor("w", "harmless")
    tensor.external_data.add(key="location", value="/etc/passwd")
    assert locations(models.make_model([], [], [], [tensor])) == {b"harmless", b"/etc/passwd"}


def test_finds_a_location_in_a_tensor_that_is_not_marked_external() -> None:
    """The mark may stand in a second copy of the message, which protobuf merges with the first."""
    tensor = models.external_tensor("w", "hidden")
    tensor.ClearField("data_location")
    assert locations(models.make_model([], [], [], [tensor])) == {b"hidden"}


def test_steps_over_long_runs_of_numbers_quickly_and_sees_what_follows() -> None:
    """A tree ensemble has one field for each of its numbers."""
    node = helper.make_node("Trees", [], ["y"], ints=[-1, 2**40, 7] * 200_000, floats=[0.5] * 600_000)
    node.attribute[0].t.CopyFrom(models.external_tensor("w", "behind the ints"))
    node.attribute[1].t.CopyFrom(models.external_tensor("w", "behind the floats"))
    assert locations(models.make_model([node], [], [])) == {b"behind the ints", b"behind the floats"}


def test_does_not_take_weights_for_fields() -> None:
    """Raw weights may look like anything, even like a tensor with external data."""
    lure = models.make_model([], [], [], [models.external_tensor("w", "lure")]).SerializeToString()
    weights = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[len(lure)], raw_data=lure)
    assert locations(models.make_model([], [], [], [weights])) == set()


def test_reads_numbers_in_every_encoding_of_a_tensor() -> None:
    tensors = [
        numpy_helper.from_array(np.arange(3, dtype=np.int64), "raw"),
        helper.make_tensor("floats", TensorProto.FLOAT, [2], [1.0, 2.0]),
        helper.make_tensor("ints", TensorProto.INT64, [2], [-1, 2]),
        helper.make_tensor("doubles", TensorProto.DOUBLE, [2], [1.0, 2.0]),
        TensorProto(name="s", data_type=TensorProto.STRING, dims=[1], string_data=[b"x"]),
    ]
    assert locations(models.make_model([], [], [], [*tensors, models.external_tensor("w", "last")])) == {
        b"last"
    }


def test_every_truncation_is_an_error_or_an_incomplete_model_and_never_a_crash() -> None:
    whole = models.with_external_weights("weights.bin").SerializeToString()
    for length in range(len(whole)):
        try:
            facts = read_facts(whole[:length])
        except WireError:
            continue
        # Only a cut between two fields of the outermost message can pass.
        assert onnx.ModelProto.FromString(whole[:length]).HasField("graph") == facts.has_graph


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("text", b"hello, this is not a model"),
        ("a length beyond the end", b"\x3a\x7f\x00"),
        ("a length of 2**63", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        ("a number of eleven bytes", b"\x08" + b"\xff" * 10 + b"\x01"),
        ("field number 0", b"\x00\x00"),
        ("a group", b"\x3b\x3c"),
        ("cut inside a number", b"\x08\xff"),
        ("cut inside a double", b"\x49\x00"),
        ("a zip archive", b"PK\x03\x04" + bytes(60)),
        ("a pickle", b"\x80\x04\x95" + bytes(60)),
    ],
)
def test_says_so_when_the_bytes_are_no_model(why: str, data: bytes) -> None:
    with pytest.raises(WireError):
        read_facts(data)


def test_deep_nesting_is_refused() -> None:
    graph = b""
    for _ in range(MAX_DEPTH):
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            size = len(graph)
            length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14])
            graph = tag + length + graph
    with pytest.raises(WireError, match="deep"):
        read_facts(
            b"\x3a"
            + bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7 & 0x7F | 0x80, len(graph) >> 14])
            + graph
        )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 8))
def test_damaged_models_are_read_or_refused(junk: bytes, at: int, cut: int) -> None:
    whole = models.with_external_weights("weights.bin").SerializeToString()
    damaged = whole[:at] + junk + whole[at + cut :]
    try:
        facts = read_facts(damaged)
    except WireError:
        return
    assert isinstance(facts.ir_version, int)
