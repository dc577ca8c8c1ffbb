from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bad_examples import SMALLEST, merged
from api.schema_tools import fields, values
from fairway.api.crd import resource_schema
from fairway.api.errors import FairwayError, ManifestError, Problem
from fairway.api.faults import PATTERN_WORDS
from fairway.api.manifests import load_all, load_manifests, load_object, to_manifest
from fairway.api.scalars import DECIMAL_PATTERN, DURATION_PATTERN
from fairway.api.spec import Engine, ModelSource, Spec
from fairway.api.v1alpha1 import Metadata, ModelDeployment

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
SCHEMA = resource_schema()
TEXT = yaml.safe_dump(SMALLEST, sort_keys=False)

label_texts = st.text(st.characters(codec="utf-8"), max_size=12)
awkward = st.sampled_from(
    ["yes", "n", "1e3", "0o7", "1_000", ".5", "null", "~", "2024-01-01", "1:30", "", " a", "#"]
)
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True).filter(str.isascii)
deployments = st.builds(
    lambda spec, metadata: load_object({**SMALLEST, "metadata": metadata, "spec": spec}),
    values(SCHEMA["properties"]["spec"], "spec"),
    st.fixed_dictionaries(
        {"name": names},
        optional={
            "namespace": names,
            "labels": st.dictionaries(names, label_texts | awkward, max_size=3),
            "annotations": st.dictionaries(names, label_texts | awkward, max_size=3),
        },
    ),
)


def problems(*sources: tuple[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        load_all(sources)
    return caught.value.errors


def variant(patch: str) -> str:
    return yaml.safe_dump(merged(SMALLEST, yaml.safe_load(patch)), sort_keys=False)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_sample_is_accepted_without_a_note(sample: Path) -> None:
    notes: list[Problem] = []
    assert load_manifests(sample.read_text(), sample.name, notes.append)
    assert notes == []


def test_the_samples_use_every_field() -> None:
    """The full one alone cannot: a model has one engine, and the settings of that one only."""

    def paths(value: Any, place: str) -> set[str]:
        if isinstance(value, list):
            return set().union(*(paths(item, f"{place}[]") for item in value))
        if not isinstance(value, dict):
            return set()
        return {f"{place}.{key}" for key in value}.union(
            *(paths(v, f"{place}.{k}") for k, v in value.items())
        )

    written = (yaml.safe_load(sample.read_text())["spec"] for sample in SAMPLES.glob("*.yaml"))
    assert set().union(*(paths(spec, "spec") for spec in written)) >= {
        path for path, _ in fields(SCHEMA["properties"]["spec"], "spec")
    }


def test_the_smallest_sample_has_nothing_that_could_be_left_out() -> None:
    (md,) = load_manifests((SAMPLES / "smallest.yaml").read_text(), "smallest.yaml")
    assert md.spec == Spec(
        model=ModelSource(uri="file:models/fraud-1", format=md.spec.model.format),
        engine=Engine(type=md.spec.engine.type),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deployments)
def test_what_is_written_is_read_back_the_same(md: ModelDeployment) -> None:
    (again,) = load_manifests(to_manifest(md), "dump.yaml")
    assert again == md


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deployments)
def test_writing_twice_changes_nothing(md: ModelDeployment) -> None:
    text = to_manifest(md)
    assert to_manifest(load_manifests(text, "dump.yaml")[0]) == text


def test_a_written_manifest_starts_as_people_expect_and_holds_no_noise() -> None:
    text = to_manifest(
        load_object(merged(SMALLEST, {"metadata": {"labels": {}}, "status": {"phase": "Stable"}}))
    )
    assert text == TEXT
    assert list(yaml.safe_load(text)) == ["apiVersion", "kind", "metadata", "spec"]


def test_an_empty_block_is_written_only_where_it_says_something() -> None:
    """No settings at all and settings with nothing set are two things: only one of them is the default."""
    blocks: Any = {"spec": {"traffic": {"router": {}}, "rollout": {}, "engine": {"onnxRuntime": {}}}}
    written = yaml.safe_load(to_manifest(load_object(merged(SMALLEST, blocks))))
    assert written["spec"]["engine"] == {"type": "OnnxRuntime", "onnxRuntime": {}}
    assert set(written["spec"]) == {"model", "engine"}


def test_what_the_api_server_added_is_not_written() -> None:
    added = {
        "metadata": {
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2024-05-06T07:08:09Z",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        }
    }
    assert to_manifest(load_object(merged(SMALLEST, added))) == TEXT


@pytest.mark.parametrize("text", ["1e3", "0o7", "y", "123", "12e45", "true", "null", "2024-01-01"])
def test_text_that_another_reader_would_take_for_something_else_is_quoted(text: str) -> None:
    """`kubectl` reads YAML with other rules than PyYAML: a bare 12e45 is a number there."""
    md = load_object(merged(SMALLEST, {"metadata": {"labels": {"a": text}}}))
    assert f"a: '{text}'" in to_manifest(md)


def test_a_written_status_is_left_out_with_a_note() -> None:
    notes: list[Problem] = []
    (md,) = load_manifests(TEXT + "status:\n  phase: Canary\n  nonsense: 1\n", "a.yaml", notes.append)
    assert md.status.phase == "Pending"
    assert [str(note) for note in notes] == ["a.yaml:11: status: left out: Fairway alone writes it"]


def test_a_written_status_is_left_out_when_nobody_listens() -> None:
    (md,) = load_manifests(TEXT + "status: {phase: Canary}\n", "a.yaml")
    assert md.status.phase == "Pending"


def test_null_is_the_same_as_absent() -> None:
    """So it is for the API server; and commented-out lines leave nulls behind."""
    (md,) = load_manifests(TEXT + "  traffic:\n  rollout:\n    steps:\n", "a.yaml")
    assert md == load_object(SMALLEST)


def test_several_documents_are_several_models() -> None:
    second = variant("{metadata: {name: churn}}")
    assert [md.metadata.name for md in load_manifests(f"{TEXT}---\n{second}", "a.yaml")] == ["fraud", "churn"]


def test_one_name_twice_is_refused_with_both_places() -> None:
    (twin,) = problems(("a.yaml", TEXT), ("b.yaml", f"# mine\n{TEXT}"))
    assert str(twin) == "b.yaml:5: metadata.name: fraud is written twice; the first is at a.yaml:4"


def test_one_name_in_two_namespaces_is_two_models() -> None:
    other = variant("{metadata: {namespace: staging}}")
    assert len(load_all([("a.yaml", TEXT), ("b.yaml", other)])) == 2


@pytest.mark.parametrize("text", ["", "# later\n", "---\n---\n"])
def test_a_text_without_a_model_is_an_error(text: str) -> None:
    (empty,) = problems(("empty.yaml", text))
    assert str(empty) == "empty.yaml: holds no ModelDeployment"


@pytest.mark.parametrize("text", ["- a\n", "fraud\n", "7\n"])
def test_a_text_that_is_no_mapping_is_told_how_a_manifest_starts(text: str) -> None:
    (found,) = problems(("a.yaml", text))
    assert str(found) == "a.yaml:1: a manifest is a mapping that starts with apiVersion: fairway.dev/v1alpha1"


def test_all_problems_of_all_documents_are_told_at_once_in_the_order_of_the_text() -> None:
    bad = variant("{metadata: {name: Fraud}, spec: {model: {format: pickle}, rollout: {stepps: []}}}")
    found = problems(("a.yaml", f"{bad}---\nkind: Pod\n"), ("b.yaml", "a: [\n"))
    assert [(p.source, p.line, p.path) for p in found] == [
        ("a.yaml", 4, "metadata.name"),
        ("a.yaml", 8, "spec.model.format"),
        ("a.yaml", 12, "spec.rollout.stepps"),
        ("a.yaml", 14, "apiVersion"),
        ("a.yaml", 14, "kind"),
        ("b.yaml", 2, ""),
    ]


def test_a_wrong_item_does_not_make_its_list_too_short() -> None:
    (found,) = problems(("a.yaml", variant("{spec: {rollout: {steps: [{weight: x}]}}}")))
    assert found.path == "spec.rollout.steps[0].weight"


def test_the_error_reads_as_one_line_per_problem_and_is_one_of_ours() -> None:
    with pytest.raises(FairwayError) as caught:
        load_manifests(variant("{spec: {model: {format: null, uri: null}}}"), "a.yaml")
    assert str(caught.value).splitlines() == [
        "a.yaml:6: spec.model.uri: is missing",
        "a.yaml:6: spec.model.format: is missing",
    ]


def test_an_older_operator_keeps_the_metadata_of_an_object_with_newer_fields() -> None:
    newer = merged(
        SMALLEST, {"metadata": {"finalizers": ["a"], "newer": 1}, "spec": {"newer": 1}, "newer": 1}
    )
    before = copy.deepcopy(newer)
    md = load_object(newer, strict=False)
    assert (md.metadata.model_extra or {})["finalizers"] == ["a"]
    assert newer == before


def test_an_older_operator_still_refuses_what_it_cannot_act_on() -> None:
    with pytest.raises(ManifestError, match=r"spec\.model\.format: must be onnx"):
        load_object(merged(SMALLEST, {"spec": {"model": {"format": "newer"}}}), strict=False)


def test_the_status_of_an_object_is_read() -> None:
    assert load_object(merged(SMALLEST, {"status": {"phase": "Canary"}})).status.phase == "Canary"


def test_every_pattern_that_a_user_can_miss_has_words() -> None:
    patterns = {field["pattern"] for _, field in fields(SCHEMA["properties"]["spec"]) if "pattern" in field}
    patterns |= {p["pattern"] for p in Metadata.model_json_schema()["properties"].values() if "pattern" in p}
    assert patterns - {DURATION_PATTERN, DECIMAL_PATTERN} <= set(PATTERN_WORDS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([path for path, _ in fields(SCHEMA["properties"]["spec"], "spec")]),
    st.sampled_from([0, -1, 1.5, True, "", "x", "x" * 3000, [], [1], [None], {}, {"a": 1}, 10**30]),
)
def test_whatever_is_written_wrong_is_explained_in_our_own_words(path: str, value: Any) -> None:
    patch = value
    for part in reversed(path.split(".")):
        patch = {part.removesuffix("[]"): [patch] if part.endswith("[]") else patch}
    manifest = json.loads(json.dumps(merged(SMALLEST, patch)))
    try:
        load_object(manifest)
    except ManifestError as error:
        for problem in error.errors:
            assert "Input should" not in problem.message
            assert "input should" not in problem.message
            assert len(problem.message) < 300
            assert problem.path
