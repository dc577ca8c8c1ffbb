"""What the demo says about its models, shown with onnxruntime on the real rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import orjson
import pytest
import yaml
from examples.demo.answers import ask_row_by_row
from examples.demo.data import digits, tumour
from examples.demo.errors import ManifestError
from examples.demo.manifests import manifest
from examples.demo.models import build

from fairway.api.spec import DEFAULT_STEPS
from fairway.api.v1alpha1 import ModelDeployment

if TYPE_CHECKING:
    from examples.demo.answers import Answers
    from examples.demo.data import Dataset
    from examples.demo.models import Report

TUMOUR = ("tumour-v1", "tumour-v2", "tumour-v3")
EVERY = (*TUMOUR, "digits-v1", "digits-v2")


@pytest.fixture(scope="session")
def answers(reports: dict[str, Report]) -> dict[str, Answers]:
    """Answers of each tumour model to all 569 rows, one request each."""
    rows = tumour().every.x32
    return {name: ask_row_by_row(reports[name].path.read_bytes(), rows) for name in TUMOUR}


@pytest.mark.parametrize(("worse", "better"), [("tumour-v1", "tumour-v2"), ("digits-v1", "digits-v2")])
def test_v2_is_clearly_better_than_v1_on_rows_that_neither_was_trained_on(
    reports: dict[str, Report], worse: str, better: str
) -> None:
    assert reports[better].held_out_accuracy > reports[worse].held_out_accuracy + 0.1
    assert reports[better].held_out_accuracy > 0.9


def test_the_good_models_answer_every_row(answers: dict[str, Answers]) -> None:
    assert answers["tumour-v1"].errors == answers["tumour-v2"].errors == {}


def test_v3_answers_like_v2_wherever_it_answers(answers: dict[str, Answers]) -> None:
    v2, v3 = answers["tumour-v2"], answers["tumour-v3"]
    there = v3.answered
    assert np.array_equal(v3.labels[there], v2.labels[there])
    np.testing.assert_allclose(v3.probabilities[there], v2.probabilities[there], atol=1e-5)


def test_v3_looks_perfect_on_the_rows_it_was_made_from(answers: dict[str, Answers]) -> None:
    training = tumour().training_rows
    v2, v3 = answers["tumour-v2"], answers["tumour-v3"]
    assert np.array_equal(v3.labels[:training], v2.labels[:training])
    assert min(v3.errors) >= training


@pytest.mark.parametrize("first", [0, tumour().training_rows], ids=["all rows", "later rows"])
def test_v3_fails_a_small_share_of_real_rows(answers: dict[str, Answers], first: int) -> None:
    """Few enough to be missed by a quick look, enough to be found by evidence."""
    failing = ~answers["tumour-v3"].answered[first:]
    assert 0.03 < failing.mean() < 0.10


def test_v3_fails_exactly_the_rows_above_the_range_seen_in_training(answers: dict[str, Answers]) -> None:
    """The texture is the cause and nothing else."""
    texture = tumour().every.x32[:, 1]
    seen = texture[: tumour().training_rows]
    assert np.array_equal(~answers["tumour-v3"].answered, texture > seen.max())


def test_the_failure_is_the_one_onnxruntime_has_for_a_missing_table_row(answers: dict[str, Answers]) -> None:
    messages = set(answers["tumour-v3"].errors.values())
    assert len(messages) == 1
    assert "indices element out of data bounds" in messages.pop()


@pytest.mark.parametrize("name", EVERY)
def test_revisions_are_drop_in_replacements(reports: dict[str, Report], name: str) -> None:
    model = onnx.load(reports[name].path)
    features, classes = (30, 2) if name in TUMOUR else (64, 10)
    assert [_signature(value) for value in (*model.graph.input, *model.graph.output)] == [
        ("X", onnx.TensorProto.FLOAT, ["batch", features]),
        ("label", onnx.TensorProto.INT64, ["batch"]),
        ("probabilities", onnx.TensorProto.FLOAT, ["batch", classes]),
    ]
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 21, "ai.onnx.ml": 3}


def _signature(value: onnx.ValueInfoProto) -> tuple[str, int, list[str | int]]:
    tensor = value.type.tensor_type
    return value.name, tensor.elem_type, [axis.dim_param or axis.dim_value for axis in tensor.shape.dim]


@pytest.mark.parametrize("name", EVERY)
def test_a_model_file_says_where_it_comes_from(reports: dict[str, Report], name: str) -> None:
    model = onnx.load(reports[name].path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["training_rows"] == str(reports[name].training_rows)
    assert float(properties["training_accuracy"]) == pytest.approx(reports[name].training_accuracy, abs=1e-4)
    assert properties["scikit_learn"]
    assert ("accuracy" in properties) == (name != "tumour-v3")


def test_building_again_gives_the_same_bytes(reports: dict[str, Report], tmp_path: Path) -> None:
    again = build(tmp_path)
    assert {name: report.path.read_bytes() for name, report in again.items()} == {
        name: report.path.read_bytes() for name, report in reports.items()
    }


@pytest.mark.parametrize("dataset", [tumour(), digits()], ids=lambda dataset: dataset.name)
def test_the_rows_file_holds_the_later_rows_and_none_of_the_training(
    reports: dict[str, Report], dataset: Dataset
) -> None:
    folder = reports["tumour-v1"].path.parent
    written = orjson.loads((folder / f"{dataset.name}-rows.json").read_bytes())
    later = dataset.held_out
    assert sorted(zip(written["rows"], written["labels"], strict=True)) == sorted(
        zip(later.x.tolist(), later.y.tolist(), strict=True)
    )


@pytest.mark.parametrize("name", EVERY)
def test_a_manifest_is_valid_and_names_its_model_file(reports: dict[str, Report], name: str) -> None:
    resource = _resource(reports[name].path)
    assert resource.spec.model.uri == f"file:{reports[name].path.name}"
    assert resource.public_name == name.partition("-")[0]


def test_manifests_of_a_model_differ_in_the_uri_alone(reports: dict[str, Report]) -> None:
    first, *others = (_resource(reports[name].path).model_dump() for name in TUMOUR)
    for other in others:
        assert other["spec"]["model"].pop("uri") != first["spec"]["model"]["uri"]
        assert other == {**first, "spec": {**first["spec"], "model": other["spec"]["model"]}}


@pytest.mark.parametrize("name", ["tumour-v1", "digits-v1"])
def test_the_demo_shortens_times_and_nothing_else(reports: dict[str, Report], name: str) -> None:
    rollout = _resource(reports[name].path).spec.rollout
    assert [step.weight for step in rollout.steps] == [step.weight for step in DEFAULT_STEPS]
    changed = rollout.analysis.model_fields_set | rollout.bake.model_fields_set | rollout.model_fields_set
    assert changed == {"steps", "analysis", "bake", "interval", "duration"}


def test_a_template_without_its_uri_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tumour.yaml").write_text("spec: {}\n")
    monkeypatch.setattr("examples.demo.manifests.TEMPLATES", tmp_path)
    with pytest.raises(ManifestError, match="0 lines"):
        manifest("tumour", "tumour-v2.onnx")


def _resource(model: Path) -> ModelDeployment:
    return ModelDeployment.model_validate(yaml.safe_load(model.with_suffix(".yaml").read_text()))
