"""Where pods may run: what users say, what the administrator says, and what a GPU asks of a node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import CAPS, START, make_deployment
from fairway.api.pod import PodInputs
from fairway.api.status import Artifact, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import Capacity, Role, Workload
from fairway.core.revisions import wanted_revision
from fairway.render.kube.gpu_nodes import with_node_requirements
from fairway.render.kube.kind import HPA, PDB
from fairway.render.kube.labels import MODEL, Manifest, Owner
from fairway.render.kube.placement import SPREAD_OVER, placement
from fairway.render.kube.resources import server_resources
from fairway.render.kube.scaling import scaling_objects
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.registry import ENGINES

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
OWNER = Owner("payments", "fraud", "uid-1")
SETTINGS = ServerSettings(fetch_image="fetch")
LABELS = {"fairway.dev/model-deployment": "fraud"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
H100 = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["H100"]}


def pod(**said: Any) -> PodInputs:
    return PodInputs.model_validate(said)


def workload(md: ModelDeployment, capacity: Capacity | None = None) -> Workload:
    status = Status(artifact=Artifact(uri=md.spec.model.uri, sha256="a" * 64))
    revision = wanted_revision(md, status, CAPS, START)
    assert revision is not None
    return Workload("payments", "fraud", revision, Role.STABLE, 30.0, capacity or Capacity())


def template(md: ModelDeployment) -> Manifest:
    """The pod template of a revision."""
    return template_of(workload(md))


def template_of(made_of: Workload) -> Manifest:
    made = ENGINES[made_of.revision.engine.type].objects(OWNER, made_of, SETTINGS)
    (deployment,) = (obj for obj in made if obj["kind"] == "Deployment")
    found: Manifest = deployment["spec"]["template"]
    return found


def server(md: ModelDeployment) -> Manifest:
    (found,) = template(md)["spec"]["containers"]
    return dict(found)


def sample(name: str) -> ModelDeployment:
    return ModelDeployment.model_validate(yaml.safe_load((SAMPLES / name).read_text()))


def test_without_a_word_pods_are_spread_over_nodes_and_zones_and_go_anywhere() -> None:
    found = placement(PodInputs(), SETTINGS, LABELS)
    assert found.keys() == {"topologySpreadConstraints"}
    spread = {one["topologyKey"]: one for one in found["topologySpreadConstraints"]}
    assert tuple(spread) == SPREAD_OVER
    for one in spread.values():
        assert one["labelSelector"]["matchLabels"] == LABELS
        assert one["whenUnsatisfiable"] == "ScheduleAnyway"


def test_a_users_own_spread_stands_instead_of_ours() -> None:
    own = {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    found = placement(pod(podTemplate={"topologySpreadConstraints": [own]}), SETTINGS, LABELS)
    assert found["topologySpreadConstraints"] == [own]


def test_a_users_words_stand_above_the_administrators() -> None:
    spot, own = {"key": "spot", "operator": "Exists"}, {"key": "dedicated", "operator": "Exists"}
    admin = replace(
        SETTINGS,
        node_selector={"pool": "any", "arch": "amd64"},
        tolerations=(spot,),
        image_pull_secrets=("r",),
    )
    said = pod(
        nodeSelector={"pool": "models"}, tolerations=[own], podTemplate={"imagePullSecrets": ["mine", "r"]}
    )
    found = placement(said, admin, LABELS)
    assert found["nodeSelector"] == {"pool": "models", "arch": "amd64"}
    assert found["tolerations"] == [spot, own]
    assert found["imagePullSecrets"] == [{"name": "r"}, {"name": "mine"}]


@pytest.mark.parametrize(
    ("said", "default", "want"),
    [
        ({}, {"cpu": "100m"}, {"requests": {"cpu": "100m"}}),
        ({"requests": {"cpu": "2"}}, {"cpu": "100m"}, {"requests": {"cpu": "2"}}),
        (
            {"requests": {"memory": "1Gi"}},
            {"cpu": "100m"},
            {"requests": {"cpu": "100m", "memory": "1Gi"}},
        ),
        ({"limits": {"cpu": "50m"}}, {"cpu": "100m"}, {"limits": {"cpu": "50m"}}),
    ],
    ids=["nothing said", "said", "another one said", "a limit below the default request"],
)
def test_a_users_resources_stand_above_the_defaults_one_by_one(
    said: dict[str, Any], default: dict[str, str], want: Manifest
) -> None:
    assert server_resources(pod(resources=said), {"requests": default}) == want


@pytest.mark.parametrize(
    ("gpu", "resource"),
    [
        ({"count": 2}, "nvidia.com/gpu"),
        ({"count": 2, "mig": "1g.10gb"}, "nvidia.com/mig-1g.10gb"),
        ({"count": 2, "mig": "1g.10gb.me"}, "nvidia.com/mig-1g.10gb.me"),
    ],
)
def test_gpus_are_requested_and_limited_alike(gpu: dict[str, Any], resource: str) -> None:
    found = server_resources(pod(gpu=gpu), {"requests": {"cpu": "1"}})
    assert found == {"requests": {"cpu": "1", resource: "2"}, "limits": {resource: "2"}}


ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
AFFINITIES: tuple[tuple[str, Manifest, list[Any]], ...] = (
    ("none", {}, [{"matchExpressions": [H100]}]),
    ("empty parts", {"nodeAffinity": {REQUIRED: None}}, [{"matchExpressions": [H100]}]),
    (
        "each alternative",
        {
            "nodeAffinity": {
                REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}, {"matchFields": []}]}
            }
        },
        [{"matchExpressions": [ZONE, H100]}, {"matchFields": [], "matchExpressions": [H100]}],
    ),
    (
        "an alternative that matches nothing goes on to match nothing",
        {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}, {}]}}},
        [{"matchExpressions": [ZONE, H100]}, {}],
    ),
)


@pytest.mark.parametrize(("why", "affinity", "want"), AFFINITIES, ids=[case[0] for case in AFFINITIES])
def test_what_a_gpu_asks_of_nodes_is_asked_beside_the_users_words(
    why: str, affinity: Manifest, want: list[Any]
) -> None:
    found = with_node_requirements({"podAffinity": {"kept": why}, **affinity}, [H100])
    assert found["nodeAffinity"][REQUIRED]["nodeSelectorTerms"] == want
    assert found["podAffinity"] == {"kept": why}


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodeAffinity": "west"},
        {"nodeAffinity": {REQUIRED: []}},
        {"nodeAffinity": {REQUIRED: [1]}},
        {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": "west"}}},
    ],
    ids=str,
)
def test_what_is_no_affinity_is_left_to_the_api_servers_words(wrong: Manifest) -> None:
    found = with_node_requirements(wrong, [H100])
    assert found == wrong or found["nodeAffinity"][REQUIRED]["nodeSelectorTerms"][0]["matchExpressions"]


def test_the_sample_with_a_gpu_goes_to_nodes_that_have_it_and_never_to_the_cpu() -> None:
    md = sample("gpu.yaml")
    spec = template(md)["spec"]
    (term,) = spec["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    asked = {one["key"]: (one["operator"], one["values"]) for one in term["matchExpressions"]}
    assert asked == {
        "topology.kubernetes.io/zone": ("In", ["a", "b"]),
        "nvidia.com/gpu.product": ("In", ["NVIDIA-H100-80GB-HBM3"]),
        "nvidia.com/gpu.memory": ("Gt", ["39999"]),
    }
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    container = server(md)
    assert container["image"] == "fairway_onnx:gpu"
    assert container["command"][container["command"].index("--device") + 1] == "cuda"
    assert container["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": "1"}


def test_a_model_without_a_gpu_is_not_told_of_devices() -> None:
    md = sample("smallest.yaml")
    assert "--device" not in server(md)["command"]
    assert "tolerations" not in template(md)["spec"]


def test_no_word_of_a_user_takes_a_pod_out_of_its_service() -> None:
    """Labels of ours cannot be named in a spec; were they, ours would still win."""
    said = workload(make_deployment(podTemplate={"labels": {"team": "x"}, "annotations": {"note": "y"}}))
    pods = said.revision.pod
    forced = pods.pod_template.model_copy(update={"labels": {"team": "x", MODEL: "other"}})
    changed = pods.model_copy(update={"pod_template": forced})
    revision = said.revision.model_copy(update={"pod": changed})
    meta = template_of(replace(said, revision=revision))["metadata"]
    assert (meta["labels"]["team"], meta["labels"][MODEL]) == ("x", "fraud")
    assert meta["annotations"]["note"] == "y"


def test_a_users_variables_are_the_servers_alone() -> None:
    """The container that fetches has a store's credentials in its reach."""
    md = make_deployment(podTemplate={"env": [{"name": "LD_PRELOAD", "value": "/x"}]})
    (fetch,) = template(md)["spec"]["initContainers"]
    assert server(md)["env"] == [{"name": "LD_PRELOAD", "value": "/x"}]
    assert "LD_PRELOAD" not in str(fetch)


def test_the_sample_that_scales_has_an_autoscaler_and_a_budget() -> None:
    md = sample("autoscaled.yaml")
    scaled = scaling_objects(OWNER, workload(md, Capacity(2, 8, 70)), "fraud-1")
    spec = scaled[HPA]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 8)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "fraud-1"}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] > 0
    selected = scaled[PDB]["spec"]["selector"]["matchLabels"]
    assert selected.items() <= template(md)["metadata"]["labels"].items()
    assert "cpu" in server(md)["resources"]["requests"], "what its percentage is of"


@pytest.mark.parametrize(
    ("capacity", "want"),
    [
        (Capacity(1), set()),
        (Capacity(2), {PDB}),
        (Capacity(1, 4, 80), {HPA}),
        (Capacity(2, 4, 80), {HPA, PDB}),
    ],
)
def test_what_stands_beside_a_deployment_is_what_is_wanted_now(capacity: Capacity, want: set[object]) -> None:
    assert set(scaling_objects(OWNER, workload(make_deployment(), capacity), "x")) == want
