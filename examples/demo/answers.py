"""Ask a model file row by row, with onnxruntime itself, as a server asked by many clients would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from numpy.typing import NDArray

SILENT = 4  # onnxruntime's severity FATAL: a failing row is an answer here, not a line in the log


@dataclass(frozen=True)
class Answers:
    """What a model said about each row.

    labels: int64, shape (rows,); -1 where the request failed.
    probabilities: float32, shape (rows, classes); NaN where the request failed.
    errors: message by index of the row, for the requests that failed.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    errors: dict[int, str]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Shape (rows,): True where there is an answer."""
        return self.labels >= 0

    def accuracy(self, truth: NDArray[np.int64]) -> float:
        """Share of all rows with the right label; a failed request is not right."""
        return float(np.mean(self.labels == truth))


def ask_row_by_row(model: bytes, x: NDArray[np.float32]) -> Answers:
    """Send each row of `x`, shape (rows, features), as a request of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = SILENT
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    classes = session.get_outputs()[1].shape[1]
    labels = np.full(len(x), -1, np.int64)
    probabilities = np.full((len(x), classes), np.nan, np.float32)
    errors: dict[int, str] = {}
    for row in range(len(x)):
        try:
            label, probability = session.run(["label", "probabilities"], {"X": x[row : row + 1]})
        except InvalidArgument as error:
            errors[row] = str(error)
        else:
            labels[row], probabilities[row] = label[0], probability[0]
    return Answers(labels, probabilities, errors)
