"""The rows that the demo's models learn from, and the rows they meet later.

Both data sets ship with scikit-learn. They are cut in the order of the file, not at random: a model is
trained on what was there first and answers what came afterwards, as it happens outside of a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
from sklearn.datasets import load_breast_cancer, load_digits  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TUMOUR_TRAINING_ROWS = 200
DIGITS_TRAINING_ROWS = 1200


@dataclass(frozen=True)
class Rows:
    """Measurements and what they turned out to be.

    x: float64, shape (rows, features), as written in the data set.
    y: int64, shape (rows,), the class of each row.
    """

    x: NDArray[np.float64]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def x32(self) -> NDArray[np.float32]:
        """The measurements as a model sees them: float32, shape (rows, features)."""
        return self.x.astype(np.float32)


@dataclass(frozen=True)
class Dataset:
    name: str
    every: Rows
    training_rows: int

    @property
    def training(self) -> Rows:
        return Rows(self.every.x[: self.training_rows], self.every.y[: self.training_rows])

    @property
    def held_out(self) -> Rows:
        return Rows(self.every.x[self.training_rows :], self.every.y[self.training_rows :])


def tumour() -> Dataset:
    """569 tumours, 30 measurements each; class 0 is malignant, 1 benign (Wisconsin breast cancer data)."""
    x, y = load_breast_cancer(return_X_y=True)
    return Dataset("tumour", Rows(x, y.astype(np.int64)), TUMOUR_TRAINING_ROWS)


def digits() -> Dataset:
    """1797 written digits of 8 by 8 pixels, 0 to 16 each; the class is the digit."""
    x, y = load_digits(return_X_y=True)
    return Dataset("digits", Rows(x, y.astype(np.int64)), DIGITS_TRAINING_ROWS)


def write_rows(rows: Rows, path: Path, seed: int = 0) -> None:
    """Write rows for the load generator: `{"rows": [[number, …], …], "labels": [class, …]}`.

    They are shuffled, because neighbours in the file resemble each other and a canary should meet a fair
    sample at any moment.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    path.write_bytes(orjson.dumps({"rows": rows.x[order].tolist(), "labels": rows.y[order].tolist()}))
