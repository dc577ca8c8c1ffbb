"""The models of the demo: two that are fine and one that only looks so.

`tumour` says from 30 measurements whether a tumour is malignant. The first 200 rows of the data set train it;
the other 369 are the requests of the demo.

* v1 looks at two measurements. It works, with mediocre answers.
* v2 looks at all 30, the texture cut into bins. It is clearly better.
* v3 is v2 with its preprocessing rewritten as a table look-up (see lookup.py). On the training rows it agrees
  with v2, answer for answer. That shows nothing: the table ends where the training rows end, so no training
  row can miss it. Some of the later rows have a texture above the highest edge, and the server fails those
  requests. The fault shows in production alone: errors on a few requests, right answers on all the others.

`digits` is a second model for the same router: 64 pixels, ten classes, v1 and v2.

All revisions of a model can stand in for each other: one ONNX file, one input, the same two outputs.

    python -m examples.demo.models FOLDER
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn  # type: ignore[import-untyped]
from examples.demo.answers import ask_row_by_row
from examples.demo.convert import serialise, tidy, to_onnx
from examples.demo.data import digits, tumour, write_rows
from examples.demo.errors import ConversionError
from examples.demo.lookup import FEATURES, put_table_in_front
from examples.demo.manifests import manifest
from sklearn.compose import ColumnTransformer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline, make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeClassifier  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from examples.demo.answers import Answers
    from examples.demo.data import Dataset, Rows
    from onnx import ModelProto

PROBABILITY_TOLERANCE = 1e-5
RADIUS, TEXTURE = 0, 1
TEXTURE_BINS = 8


@dataclass(frozen=True)
class Report:
    """What onnxruntime made of one model file, asked row by row; a failed row is not a right one.

    training_accuracy, held_out_accuracy: share of right answers, 0 to 1.
    held_out_failures: rows of the `held_out_rows` that the model could not answer.
    error: the first message of a failure, "" when there is none.
    """

    path: Path
    training_rows: int
    training_accuracy: float
    held_out_rows: int
    held_out_accuracy: float
    held_out_failures: int
    error: str

    def __str__(self) -> str:
        return (
            f"{self.path.stem}: right on {self.training_accuracy:.1%} of {self.training_rows} training rows "
            f"and {self.held_out_accuracy:.1%} of {self.held_out_rows} later rows; "
            f"{self.held_out_failures} later rows fail ({self.held_out_failures / self.held_out_rows:.1%})"
        )


def build(folder: Path) -> dict[str, Report]:
    """Train, convert, check and write all models, their manifests and the rows to ask them with.

    Writes `<model>-<revision>.onnx` and `.yaml`, and `<model>-rows.json` (the rows held out from training).

    Returns:
        A report for each of tumour-v1, tumour-v2, tumour-v3, digits-v1 and digits-v2.

    Raises:
        ConversionError: a file does not answer as the scikit-learn model it was made of.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {**_build_tumour(folder), **_build_digits(folder)}


def _build_tumour(folder: Path) -> dict[str, Report]:
    dataset = tumour()
    v1, v2 = (_fit(model, dataset.training) for model in (_two_measurements(), _all_measurements()))
    write_rows(dataset.held_out, folder / "tumour-rows.json")
    return {
        "tumour-v1": _write(folder / "tumour-v1.onnx", to_onnx(v1, 30), v1, dataset),
        "tumour-v2": _write(folder / "tumour-v2.onnx", to_onnx(v2, 30), v2, dataset),
        "tumour-v3": _write(folder / "tumour-v3.onnx", _with_table(v2), v2, dataset),
    }


def _build_digits(folder: Path) -> dict[str, Report]:
    dataset = digits()
    v1 = _fit(DecisionTreeClassifier(max_depth=6, random_state=0), dataset.training)
    v2 = _fit(make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)), dataset.training)
    write_rows(dataset.held_out, folder / "digits-rows.json")
    return {
        "digits-v1": _write(folder / "digits-v1.onnx", to_onnx(v1, 64), v1, dataset),
        "digits-v2": _write(folder / "digits-v2.onnx", to_onnx(v2, 64), v2, dataset),
    }


def _fit(model: Any, rows: Rows) -> Any:
    return model.fit(rows.x32, rows.y)


def _two_measurements() -> Pipeline:
    columns = ColumnTransformer([("scaled", StandardScaler(), [RADIUS, TEXTURE])])
    return make_pipeline(columns, LogisticRegression())


def _all_measurements() -> Pipeline:
    bins = KBinsDiscretizer(TEXTURE_BINS, encode="onehot-dense", strategy="uniform", dtype=np.float32)
    others = [column for column in range(30) if column != TEXTURE]
    columns = ColumnTransformer([("binned", bins, [TEXTURE]), ("scaled", StandardScaler(), others)])
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def _with_table(v2: Pipeline) -> ModelProto:
    """v2 again, its preprocessing replaced by the hand-written one."""
    columns, classifier = v2[0], v2[-1]
    bins, scaler = columns.named_transformers_["binned"], columns.named_transformers_["scaled"]
    return put_table_in_front(
        to_onnx(classifier, classifier.n_features_in_, FEATURES),
        binned=TEXTURE,
        edges=bins.bin_edges_[0],
        scaled=list(columns.transformers_[1][2]),
        mean=scaler.mean_,
        scale=scaler.scale_,
    )


def _write(path: Path, model: ModelProto, reference: Any, dataset: Dataset) -> Report:
    tidy(model, path.stem)
    raw = model.SerializeToString()
    training, later = (ask_row_by_row(raw, rows.x32) for rows in (dataset.training, dataset.held_out))
    for answers, rows in ((training, dataset.training), (later, dataset.held_out)):
        _must_agree(path.stem, answers, reference, rows)
    report = Report(
        path=path,
        training_rows=len(dataset.training),
        training_accuracy=training.accuracy(dataset.training.y),
        held_out_rows=len(dataset.held_out),
        held_out_accuracy=later.accuracy(dataset.held_out.y),
        held_out_failures=len(later.errors),
        error=next(iter(later.errors.values()), ""),
    )
    path.write_bytes(serialise(model, _properties(report)))
    path.with_suffix(".yaml").write_text(manifest(dataset.name, path.name), encoding="utf-8")
    return report


def _must_agree(name: str, answers: Answers, reference: Any, rows: Rows) -> None:
    """Every answer there is equals scikit-learn's: the label exactly, the probabilities closely."""
    known = answers.answered
    same_labels = np.array_equal(answers.labels[known], reference.predict(rows.x32)[known])
    apart = np.abs(answers.probabilities - reference.predict_proba(rows.x32))[known].max(initial=0.0)
    if not same_labels or apart > PROBABILITY_TOLERANCE:
        raise ConversionError(f"{name} differs from scikit-learn, in probability by up to {apart:.2g}")


def _properties(report: Report) -> dict[str, str]:
    """What the file says of itself; a model that cannot answer the later rows has no accuracy on them."""
    properties = {
        "training_rows": str(report.training_rows),
        "training_accuracy": f"{report.training_accuracy:.4f}",
        "scikit_learn": sklearn.__version__,
    }
    if not report.held_out_failures:
        properties["accuracy"] = f"{report.held_out_accuracy:.4f}"
    return properties


def main() -> None:
    started = time.perf_counter()
    for report in build(Path(sys.argv[1])).values():
        print(report)
        if report.error:
            print(f"  {report.error}")
    print(f"built in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
