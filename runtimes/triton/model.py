"""What Triton's Python backend runs for a model: ONNX Runtime. Copied into the model repository by serve.py.

Triton starts it in a process of its own and hands tensors over in memory that both share.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

sys.path.append(os.environ["SERVE_PACKAGES"])  # Triton's Python reads no PYTHONPATH, and knows no environment

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb


class TritonPythonModel:
    """The class that the backend looks for."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model that the configuration names."""
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters["threads"])
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            parameters["model"], options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer for each request; a request that fails takes no other one with it."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        given = {name: _given(pb.get_input_tensor_by_name(request, name)) for name in self._inputs}
        try:
            found = self._session.run(self._outputs, given)
        except Exception as error:  # noqa: BLE001  ONNX Runtime has no common class for what it refuses
            return pb.InferenceResponse(error=pb.TritonError(str(error)))
        # Kept by a name until the answer is made: else the backend reads memory that is free again.
        arrays = [np.ascontiguousarray(array) for array in found]
        tensors = [pb.Tensor(name, array) for name, array in zip(self._outputs, arrays, strict=True)]
        return pb.InferenceResponse(output_tensors=tensors)


def _given(tensor: Any) -> Any:
    """Strings come as bytes, and ONNX Runtime takes text."""
    array = tensor.as_numpy()
    if array.dtype != np.object_:
        return array
    decoded = [item.decode() if isinstance(item, bytes) else item for item in array.ravel()]
    return np.array(decoded, dtype=np.object_).reshape(array.shape)
