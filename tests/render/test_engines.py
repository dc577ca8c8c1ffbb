"""What each engine makes of a revision in a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest

from builders import START, make_deployment
from fairway.adapters.kube.kinds import kind_of
from fairway.api.spec import EngineType
from fairway.api.status import Artifact, Status
from fairway.core.model import Capabilities, Capacity, Role, Workload
from fairway.core.revisions import wanted_revision
from fairway.render.errors import NotHere
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.kube.workload import frozen, workload_objects
from fairway.render.process import process_of
from fairway.render.protocols import Place
from fairway.render.registry import ENGINES

OWNER = Owner("payments", "fraud", "uid-1")
SETTINGS = ServerSettings(fetch_image="registry.example/fairway-operator@sha256:3")
URI = "s3://models/a.onnx"
KNOWN = Status(artifact=Artifact(uri=URI, sha256="a" * 64))
CAPS = Capabilities(host="h", runtimes={"OnnxRuntime": "onnx:1", "Triton": "triton:1", "KServe": "kserve"})
KSERVE = {"type": "KServe", "kserve": {"runtime": "onnx-v2", "args": ["--name={name}"]}}
SPECS: dict[EngineType, Any] = {
    EngineType.ONNX_RUNTIME: {"type": "OnnxRuntime"},
    EngineType.TRITON: {"type": "Triton", "triton": {"threads": 3}},
    EngineType.KSERVE: KSERVE,
}
PLACE = Place(PurePosixPath("/m"), PurePosixPath("/a"), PurePosixPath("/t"), "python")

every_engine = pytest.mark.parametrize("engine", ENGINES)


def workload(engine: EngineType, name: str = "fraud", **spec: Any) -> Workload:
    md = make_deployment(name=name, uri=URI, engine=SPECS[engine], **spec)
    revision = wanted_revision(md, KNOWN, CAPS, START)
    assert revision is not None
    return Workload("payments", name, revision, Role.STABLE, 30.0)


def made(work: Workload, servers: int = 2) -> dict[str, Manifest]:
    objects = workload_objects(work, frozen(OWNER, work, SETTINGS), servers)
    return {obj["kind"]: obj for obj in objects}


def predictor(engine: EngineType = EngineType.KSERVE) -> Manifest:
    found: Manifest = made(workload(engine))["InferenceService"]["spec"]["predictor"]
    return found


@every_engine
def test_what_an_engine_makes_is_of_the_kinds_that_it_declares_and_bears_the_revisions_name(
    engine: EngineType,
) -> None:
    """What is of another kind, or of another name, would never be deleted."""
    work = workload(engine)
    for obj in made(work).values():
        assert kind_of(obj) in ENGINES[engine].kinds
        assert obj["metadata"]["name"] == work.revision.name
        assert obj["metadata"]["labels"]["fairway.dev/revision"] == work.revision.name


@every_engine
def test_routers_find_the_servers_by_a_service_without_an_address(engine: EngineType) -> None:
    service = made(workload(engine))["Service"]["spec"]
    assert service["clusterIP"] == "None"
    assert [port["port"] for port in service["ports"]] == [8080]


@every_engine
def test_the_model_is_fetched_with_its_digest_before_the_server_starts(engine: EngineType) -> None:
    objects = made(workload(engine))
    if engine is EngineType.KSERVE:
        pod = objects["InferenceService"]["spec"]["predictor"]
    else:
        pod = objects["Deployment"]["spec"]["template"]["spec"]
    (fetch,) = pod["initContainers"]
    assert fetch["command"][:4] == ["fairway-fetch", "get", "--sha256", "a" * 64]


def test_triton_serves_one_model_by_its_public_name() -> None:
    (server,) = made(workload(EngineType.TRITON))["Deployment"]["spec"]["template"]["spec"]["containers"]
    words = server["command"]
    assert server["image"] == "triton:1"
    assert [words[words.index(flag) + 1] for flag in ("--name", "--threads")] == ["fraud", "3"]
    assert server["readinessProbe"]["httpGet"]["path"] == "/v2/models/fraud/ready"


def test_kserve_is_told_that_the_model_lies_there_already() -> None:
    """Its own init container would come without our digest check; and without a URI it starts an agent."""
    spec = predictor()
    (fetch,) = spec["initContainers"]
    assert fetch["name"] == "storage-initializer"
    assert spec["model"]["storageUri"] == "file:///mnt/models"
    (models,) = (m for m in spec["model"]["volumeMounts"] if m["mountPath"] == "/mnt/models")
    assert models == {"name": "models", "mountPath": "/mnt/models", "subPath": "a" * 64, "readOnly": True}


def test_kserve_calls_the_model_by_its_public_name_and_takes_no_runtime_of_its_own_choice() -> None:
    model = predictor()["model"]
    assert (model["runtime"], model["args"]) == ("onnx-v2", ["--name=fraud"])
    assert model["readinessProbe"]["httpGet"]["path"] == "/v2/models/fraud/ready"


def test_kserve_makes_no_route_and_no_autoscaler_and_as_many_servers_as_are_wanted() -> None:
    obj = made(workload(EngineType.KSERVE), servers=3)["InferenceService"]
    assert obj["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert obj["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
    }
    assert obj["spec"]["predictor"]["minReplicas"] == 3


def test_a_number_of_servers_changes_no_word_of_kserves_metadata() -> None:
    """Each word of it restarts all pods."""
    few, many = (made(workload(EngineType.KSERVE), n)["InferenceService"]["metadata"] for n in (1, 5))
    assert few == many


def test_health_is_read_from_the_deployment_that_kserve_makes() -> None:
    assert ENGINES[EngineType.KSERVE].deployment("fraud-1") == "fraud-1-predictor"


def test_kserves_own_words_are_handed_on() -> None:
    failure = {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}
    obj = {"kind": "InferenceService", "status": {"modelStatus": {"lastFailureInfo": failure}}}
    words = ENGINES[EngineType.KSERVE].last_words([obj])
    assert words == "KServe says: RuntimeNotRecognized: Waiting for runtime to become available"
    assert ENGINES[EngineType.KSERVE].last_words([{"kind": "InferenceService"}]) == ""


def test_kserve_refuses_what_it_would_fail_at_later_and_elsewhere() -> None:
    engine = ENGINES[EngineType.KSERVE]
    good = workload(EngineType.KSERVE)
    assert engine.refusal(OWNER, good) is None
    digit = engine.refusal(Owner("payments", "7up", "u"), workload(EngineType.KSERVE, "7up"))
    assert digit == "KServe takes no name that begins with a digit: give 7up another one"
    long = engine.refusal(replace(OWNER, namespace="n" * 40), good)
    assert long is not None
    assert "4 characters shorter" in long
    scaled = engine.refusal(OWNER, replace(good, capacity=Capacity(1, 4)))
    assert scaled == "engine KServe is not scaled by an autoscaler: leave spec.scaling.max out"


def test_kserve_is_for_clusters_alone() -> None:
    with pytest.raises(NotHere, match="OnnxRuntime"):
        process_of(workload(EngineType.KSERVE), PLACE)
