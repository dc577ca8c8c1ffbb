"""The real runtime: what it loads, how it runs, and what it says when it refuses."""

import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fairway_onnx.errors import (
    CustomOpUnknownError,
    DeviceUnavailableError,
    FatalError,
    ModelInvalidError,
    ModelRunError,
    ModelTooNewError,
    OutputNotTextError,
)
from fairway_onnx.session import CPU, CUDA, OnnxSession, load, refuse_silent_cpu
from fairway_onnx.signature import Signature, TensorSpec
from fairway_onnx.warmup import made_up_inputs

from . import onnx_models as models


def loaded(model: onnx.ModelProto, folder: Path) -> OnnxSession:
    return load(models.save(model, folder / "m.onnx"), threads=1)


def test_tells_fixed_named_and_unnamed_sizes(tmp_path: Path) -> None:
    session = loaded(models.echo(x=("FP32", ["batch", None, 3]), s=("BYTES", [])), tmp_path)
    assert session.signature == Signature(
        inputs=(TensorSpec("x", "FP32", ("batch", None, 3)), TensorSpec("s", "BYTES", ())),
        outputs=(TensorSpec("x_out", "FP32", ("batch", None, 3)), TensorSpec("s_out", "BYTES", ())),
    )


@pytest.mark.parametrize("datatype", list(models.ELEMENT_TYPES))
def test_made_up_inputs_of_every_datatype_run(tmp_path: Path, datatype: str) -> None:
    session = loaded(models.echo(x=(datatype, ["n", 2])), tmp_path)
    inputs = made_up_inputs(session.signature)
    result = session.prepare(inputs, ["x_out"]).execute()["x_out"]
    assert result.shape == (1, 2)
    assert result.tolist() == inputs["x"].tolist()


REFUSED: list[tuple[str, onnx.ModelProto, type[FatalError], str]] = [
    (
        "opset",
        models.doubler({"": 99}),
        ModelTooNewError,
        r"needs opset 99 of domain ai.onnx, onnxruntime \S+ has up to \d+",
    ),
    (
        "ml opset",
        models.doubler({"": 20, "ai.onnx.ml": 99}),
        ModelTooNewError,
        r"opset 99 of domain ai.onnx.ml",
    ),
    (
        "ir version",
        models.doubler(ir_version=99),
        ModelTooNewError,
        r"IR version 99, onnxruntime \S+ reads up to \d+",
    ),
    ("custom op", models.custom_op(), CustomOpUnknownError, "operator 'Sonar' of domain 'com.example'"),
    (
        "custom op of a domain not imported",
        models.make_model(
            [helper.make_node("Sonar", ["x"], ["y"], domain="com.example")],
            [models.tensor("x", "FP32", ["n"])],
            [models.tensor("y", "FP32", ["n"])],
        ),
        CustomOpUnknownError,
        "operator 'Sonar' of domain 'com.example'",
    ),
    (
        "unknown op of the standard domain",
        models.make_model(
            [helper.make_node("Sonar", ["x"], ["y"])],
            [models.tensor("x", "FP32", ["n"])],
            [models.tensor("y", "FP32", ["n"])],
        ),
        CustomOpUnknownError,
        "operator 'Sonar' of domain 'ai.onnx'",
    ),
    ("zipmap", models.zipmap_classifier(), ModelInvalidError, "output 'scores' is a seq.*'zipmap': False"),
    ("sequence input", models.sequence_input(), ModelInvalidError, "input 'parts' is a seq"),
    (
        "bfloat16",
        models.make_model(
            [helper.make_node("Identity", ["x"], ["y"])],
            [helper.make_tensor_value_info("x", TensorProto.BFLOAT16, ["n"])],
            [helper.make_tensor_value_info("y", TensorProto.BFLOAT16, ["n"])],
        ),
        ModelInvalidError,
        r"input 'x' is a tensor\(bfloat16\)",
    ),
    (
        "a graph that does not fit together",
        models.make_model(
            [helper.make_node("Add", ["x", "nowhere"], ["y"])],
            [models.tensor("x", "FP32", ["n"])],
            [models.tensor("y", "FP32", ["n"])],
        ),
        ModelInvalidError,
        r"onnxruntime \S+ refuses the model",
    ),
]


@pytest.mark.parametrize(("why", "model", "error", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_says_why_a_model_cannot_be_served(
    tmp_path: Path, why: str, model: onnx.ModelProto, error: type[FatalError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        loaded(model, tmp_path)
    assert "/onnxruntime_src" not in str(caught.value)
    assert "ONNXRuntimeError" not in str(caught.value)


def test_a_failing_run_keeps_the_runtimes_words_out_of_its_text(tmp_path: Path) -> None:
    run = loaded(models.picker(), tmp_path).prepare({"index": np.array([99])}, ["row"])
    with pytest.raises(ModelRunError, match=r"^model execution failed$") as caught:
        run.execute()
    assert "Gather" in str(caught.value.__cause__)


def test_text_that_is_not_utf8_is_an_error_of_its_own(tmp_path: Path) -> None:
    session = loaded(models.odd_outputs(), tmp_path)
    inputs = {"a": np.zeros(1, np.float32), "b": np.ones(1, np.float32)}
    with pytest.raises(OutputNotTextError, match="not UTF-8"):
        session.prepare(inputs, ["text"]).execute()
    assert session.prepare(inputs, ["q"]).execute()["q"].tolist() == [0.0]


def test_a_run_can_be_cancelled_from_another_thread(tmp_path: Path) -> None:
    run = loaded(models.counting(), tmp_path).prepare({"turns": np.array([10**12])}, ["count"])
    alarm = threading.Timer(0.05, run.cancel)
    alarm.start()
    with pytest.raises(ModelRunError):
        run.execute()
    alarm.join()


def test_external_weights_are_loaded(tmp_path: Path) -> None:
    np.arange(4, dtype=np.float32).tofile(tmp_path / "w.bin")
    session = loaded(models.with_external_weights("w.bin"), tmp_path)
    assert session.prepare(made_up_inputs(session.signature), ["y"]).execute()["y"].tolist() == [[0, 1, 2, 3]]


def test_truncated_external_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(7))
    with pytest.raises(ModelInvalidError, match="refuses the model"):
        loaded(models.with_external_weights("w.bin"), tmp_path)


def test_a_gpu_that_this_runtime_cannot_use_is_refused_and_not_replaced(tmp_path: Path) -> None:
    """The runtime in the tests is built for the CPU, as the plain image's is."""
    with pytest.raises(DeviceUnavailableError, match="built without CUDA"):
        load(models.save(models.doubler({"": 20}), tmp_path / "m.onnx"), threads=1, device="cuda")


def test_a_session_that_fell_back_to_the_cpu_is_refused() -> None:
    """A runtime built for CUDA does that where it finds no GPU; none runs here, so its answer is given."""
    with pytest.raises(DeviceUnavailableError, match="driver"):
        refuse_silent_cpu("cuda", [CPU])
    refuse_silent_cpu("cuda", [CUDA, CPU])
    refuse_silent_cpu("cpu", [CPU])
