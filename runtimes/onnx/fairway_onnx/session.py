"""The only file that knows onnxruntime: load a model, tell its signature, run it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort  # type: ignore[import-untyped]

from fairway_onnx.datatypes import Array
from fairway_onnx.errors import (
    DeviceUnavailableError,
    ModelInvalidError,
    ModelRunError,
    OutputNotTextError,
    shown,
)
from fairway_onnx.load_errors import load_error
from fairway_onnx.signature import Dimension, Signature, TensorSpec

RUNTIME = f"onnxruntime {ort.__version__}"

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
_FATAL_ONLY = 4
"""Log severity: the runtime writes plain text to stderr; what matters also comes as an exception."""


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_PROVIDERS = {"cpu": [CPU], "cuda": [CUDA, CPU]}
"""By device. With CUDA the runtime puts on the CPU what has no place on a GPU, as computations of shapes."""


class OnnxSession:
    """One loaded model. Runs may happen on several threads at once."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.signature = Signature(
            inputs=tuple(_spec(argument, "input") for argument in session.get_inputs()),
            outputs=tuple(_spec(argument, "output") for argument in session.get_outputs()),
        )

    def prepare(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> "OnnxRun":
        """A run that has not begun; the arrays must fit the signature."""
        return OnnxRun(self._session, inputs, outputs)


class OnnxRun:
    """One run; `execute` blocks its thread, `cancel` may come from any other."""

    def __init__(
        self, session: ort.InferenceSession, inputs: Mapping[str, Array], outputs: Sequence[str]
    ) -> None:
        self._session = session
        self._inputs = inputs
        self._outputs = outputs
        self._options = ort.RunOptions()
        self._options.log_severity_level = _FATAL_ONLY

    def execute(self) -> dict[str, Array]:
        """Run the model.

        Raises:
            OutputNotTextError: a string of an output is not UTF-8.
            ModelRunError: the runtime failed; its words are the cause.
        """
        try:
            results = self._session.run(self._outputs, self._inputs, self._options)
        except UnicodeDecodeError as error:
            raise OutputNotTextError("the model returned a string that is not UTF-8") from error
        except Exception as error:
            raise ModelRunError("model execution failed") from error
        return dict(zip(self._outputs, results, strict=True))

    def cancel(self) -> None:
        """Ask a run to stop: it ends before its next operator begins."""
        self._options.terminate = True


def load(path: Path, threads: int, device: str = "cpu") -> OnnxSession:
    """Load a model that `model_files.check_model` has passed.

    Args:
        path: the .onnx file.
        threads: threads for one operator.
        device: cpu or cuda.

    Raises:
        FatalError: DeviceUnavailable, ModelTooNew, CustomOpUnknown or ModelInvalid.
    """
    if device == "cuda" and CUDA not in ort.get_available_providers():
        raise DeviceUnavailableError(
            f"{RUNTIME} of this image was built without CUDA: use the image for GPUs, or no GPU"
        )
    ort.set_default_logger_severity(_FATAL_ONLY)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    # Threads that spin while they wait would eat the CPU share of their neighbours.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=_PROVIDERS[device])
    except Exception as error:
        raise load_error(str(error), RUNTIME) from error
    refuse_silent_cpu(device, session.get_providers())
    return OnnxSession(session)


def refuse_silent_cpu(device: str, in_use: Sequence[str]) -> None:
    """Where CUDA cannot begin, the runtime goes on with the CPU and says so in its log only.

    Args:
        device: what was asked for.
        in_use: the providers that a session has.

    Raises:
        DeviceUnavailableError: it is not what was asked for.
    """
    if device == "cuda" and CUDA not in in_use:
        raise DeviceUnavailableError(
            "CUDA cannot be used here: see that the node's driver fits the image and that the pod has a GPU"
        )


def _spec(argument: Any, role: str) -> TensorSpec:
    datatype = _DATATYPES.get(argument.type)
    if datatype is None:
        raise ModelInvalidError(_unsupported(role, argument.name, argument.type))
    return TensorSpec(argument.name, datatype, tuple(_dimension(size) for size in argument.shape))


def _unsupported(role: str, name: str, kind: str) -> str:
    sentence = f"the model's {role} {shown(name)} is a {kind}, the protocol carries only plain tensors"
    if role == "output" and "map(" in kind:
        return f"{sentence}: convert the classifier with options={{'zipmap': False}}"
    return sentence


def _dimension(size: Any) -> Dimension:
    """The runtime gives numbers, names, or None; a negative number also means "any"."""
    if isinstance(size, str):
        return size or None
    return size if isinstance(size, int) and size >= 0 else None
