"""What only a real API server can say of our CRD."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e.cluster.rest import APPLY, Answer, Api

from api.bad_examples import BAD_EXAMPLES, SMALLEST, BadExample, By
from fairway.api.manifests import load_object
from harbour import rolling

MANIFESTS = Path(__file__).parents[2] / "manifests"
CRD_FILE = MANIFESTS / "crd.yaml"
SAMPLES = sorted((MANIFESTS / "samples").glob("*.yaml"))
MODELS = "/apis/fairway.dev/v1alpha1/namespaces/{namespace}/modeldeployments"
HERE = MODELS.format(namespace="default")
STRICT = "?dryRun=All&fieldValidation=Strict"  # what `kubectl apply --dry-run=server` asks for
LENIENT = "?dryRun=All&fieldValidation=Ignore"


def causes(answer: Answer) -> list[str]:
    return [cause.get("field", "") for cause in answer.body.get("details", {}).get("causes", ())]


def test_the_crd_is_accepted_in_every_respect(crd_conditions: dict[str, str]) -> None:
    """Not structural, or rules that could cost too much, would stand here or have been refused before."""
    assert crd_conditions == {"NamesAccepted": "True", "Established": "True"}


def test_the_server_has_no_warnings_about_the_crd(kubectl: list[str]) -> None:
    done = subprocess.run(
        [*kubectl, "apply", "--server-side", "--dry-run=server", "--output=name", f"--filename={CRD_FILE}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "customresourcedefinition.apiextensions.k8s.io/modeldeployments.fairway.dev\n"
    assert done.stderr == ""


@pytest.mark.parametrize("example", BAD_EXAMPLES, ids=lambda example: example.name)
def test_a_bad_example_is_refused_for_the_stated_reason(models: Api, example: BadExample) -> None:
    """The schema and its rules hold for every client, strict or not."""
    strict = models.post(HERE + STRICT, example.manifest)
    assert 400 <= strict.status < 500, strict.body
    lenient = models.post(HERE + LENIENT, example.manifest)
    assert refused_as_stated(example, strict, lenient), (strict, lenient)


def refused_as_stated(example: BadExample, strict: Answer, lenient: Answer) -> bool:
    match example.by:
        case By.SCHEMA:
            found = {cause.removesuffix("[1]") for cause in causes(lenient)}  # the second of two equal items
            return lenient.status == 422 and example.path in found
        case By.RULE:
            return lenient.status == 422 and example.rule in lenient.message
        case By.STRICT:
            return lenient.status == 201 and f'unknown field "{example.path}"' in strict.message
        case By.METADATA:
            return "meta" in lenient.message.lower() or "name is required" in lenient.message
        case By.KIND:
            return "kind" in lenient.message.lower() or "version" in lenient.message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_is_accepted_by_kubectl(models: Api, kubectl: list[str], sample: Path) -> None:
    done = subprocess.run(
        [*kubectl, "apply", "--dry-run=server", "--output=name", f"--filename={sample}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "modeldeployment.fairway.dev/fraud\n", done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_the_server_fills_in_the_defaults_that_our_models_do(models: Api, sample: Path) -> None:
    """So the operator, which sees the stored object, decides as the CLI does, which sees the file."""
    manifest = yaml.safe_load(sample.read_text())
    place = MODELS.format(namespace=manifest["metadata"].get("namespace", "default"))
    stored = models.post(place + STRICT, manifest)
    assert stored.status == 201, stored.message
    ours = load_object(manifest).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored.body["spec"] == ours
    assert load_object(stored.body).spec == load_object(manifest).spec


@pytest.mark.parametrize("phase", ["Provisioning", "Canary", "Paused", "RolledBack"])
@pytest.mark.parametrize("how", ["put", "apply"])
def test_a_status_is_read_back_as_it_was_written(models: Api, phase: str, how: str) -> None:
    status = rolling(phase).status.model_dump(mode="json", by_alias=True, exclude_none=True)
    name = f"{phase.lower()}-{how}"
    created = models.post(HERE, named(name)).body
    place = f"{HERE}/{name}/status"
    written = (
        models.put(f"{place}?fieldValidation=Strict", {**created, "status": status})
        if how == "put"
        else models.patch(
            f"{place}?fieldManager=fairway-operator&fieldValidation=Strict",
            {**named(name), "spec": created["spec"], "status": status},
            APPLY,
        )
    )
    assert written.status == 200, written.message
    read = models.get(f"{HERE}/{name}").body
    assert read["status"] == status
    assert read["metadata"]["generation"] == 1
    assert load_object(read, strict=False).status == rolling(phase).status


def test_a_stale_status_is_refused(models: Api) -> None:
    """The fence against a second operator: the write names the version that it was decided on."""
    created = models.post(HERE, named("stale")).body
    place = f"{HERE}/stale/status"
    assert models.put(place, {**created, "status": {"phase": "Pending"}}).status == 200
    answer = models.put(place, {**created, "status": {"phase": "Stable"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_a_writer_of_specs_cannot_write_a_status(models: Api) -> None:
    created = models.post(HERE, {**named("honest"), "status": {"phase": "Stable"}}).body
    assert "status" not in created
    written = models.put(f"{HERE}/honest", {**created, "status": {"phase": "Stable"}})
    assert written.status == 200
    assert "status" not in written.body


def test_kubectl_shows_where_a_rollout_stands(models: Api, kubectl: list[str]) -> None:
    status = rolling("Canary").status.model_dump(mode="json", by_alias=True, exclude_none=True)
    created = models.post(HERE, named("shown")).body
    assert models.put(f"{HERE}/shown/status", {**created, "status": status}).status == 200
    words = subprocess.run(
        [*kubectl, "get", "mdep", "shown"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert words[0].split() == ["NAME", "READY", "PHASE", "WEIGHT/1000", "STABLE", "CANDIDATE", "AGE"]
    ready = next(item["status"] for item in status["conditions"] if item["type"] == "Ready")
    shown = words[1].split()[:-1]
    assert shown == ["shown", ready, "Canary", "100", status["stable"], status["candidate"]]


def named(name: str) -> dict[str, Any]:
    manifest: dict[str, Any] = copy.deepcopy(SMALLEST)
    manifest["metadata"]["name"] = name
    return manifest
