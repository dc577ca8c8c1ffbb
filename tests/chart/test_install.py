"""The whole life of a release on a real API server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chart.cluster_side import Cluster
from chart.helm import EVERYTHING, NAMESPACE, NAMESPACED, REPOSITORY, VALUE_SETS, Helm, Objects, of_kind, the
from cluster.waiting import eventually

PLAIN = REPOSITORY / "manifests/install.yaml"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modeldeployments.fairway.dev"
MODELS = "/apis/fairway.dev/v1alpha1/namespaces/payments/modeldeployments"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/fairway-operator"
MODEL = {
    "apiVersion": "fairway.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "fraud"},
    "spec": {
        "model": {"uri": "https://models/a.onnx", "format": "onnx", "sha256": "a" * 64},
        "engine": {"type": "OnnxRuntime"},
    },
}


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Cluster]:
    """Without a release before the test and after it."""
    yield cluster
    cluster.release("uninstall", "fairway", "--ignore-not-found")
    cluster.api.delete(f"{MODELS}/fraud")


def served(cluster: Cluster) -> bool:
    return cluster.api.get(MODELS).status == 200


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_everything_is_accepted(empty: Cluster, values: dict[str, Any]) -> None:
    notes = empty.install(values=values)
    manifest = list(yaml.safe_load_all(empty.release("get", "manifest", "fairway")))
    assert "helm test fairway -n fairway-system" in notes
    for kind in ("Deployment", "ServiceAccount", "Service", "NetworkPolicy", "Role"):
        assert of_kind(manifest, kind), kind
    found = empty.api.get(DEPLOYMENT)
    assert found.status == 200
    assert found.body["spec"]["replicas"] == values.get("operator", {}).get("replicas", 2)


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_the_server_has_no_warnings(empty: Cluster, values: dict[str, Any]) -> None:
    """Unknown fields and outdated versions would be warned of, and so would a pod that is not restricted."""
    empty.apply(empty.helm.template(values, "--no-hooks"))
    done = empty.kubectl("delete", "--ignore-not-found", "--filename=-", given=listed(empty, values))
    assert done.returncode == 0, done.stderr


def test_the_plain_manifests_are_accepted_as_they_are(empty: Cluster) -> None:
    """For people without helm. A namespace, the CRD and the operator in one `kubectl apply`."""
    objects = [obj for obj in yaml.safe_load_all(PLAIN.read_text()) if obj is not None]
    empty.apply(objects)
    assert empty.api.get(DEPLOYMENT).status == 200
    kept = {"Namespace", "CustomResourceDefinition"}
    mine = [obj for obj in objects if obj["kind"] not in kept]
    done = empty.kubectl("delete", "--filename=-", given={"apiVersion": "v1", "kind": "List", "items": mine})
    assert done.returncode == 0, done.stderr


def test_the_plain_manifests_are_the_chart(helm: Helm) -> None:
    plain = [obj for obj in yaml.safe_load_all(PLAIN.read_text()) if obj is not None]
    assert plain[0]["kind"] == "Namespace"
    assert plain[1:] == helm.template({}, "--no-hooks")


def listed(cluster: Cluster, values: dict[str, Any]) -> dict[str, Any]:
    mine = [
        obj
        for obj in cluster.helm.template(values, "--no-hooks")
        if obj["kind"] != "CustomResourceDefinition"
    ]
    return {"apiVersion": "v1", "kind": "List", "items": mine}


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_its_pods_are_let_into_a_restricted_namespace(empty: Cluster, values: dict[str, Any]) -> None:
    pods = pods_of(empty.helm.template(values))
    assert len(pods) == 2, "the operator's, and the one of `helm test`"
    for pod in pods:
        pod["spec"].pop("serviceAccountName")
        pod["spec"].pop("priorityClassName", None)  # only kube-system may have that of the everything set
        answer = empty.api.post(f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict", pod)
        assert answer.status == 201, answer.message


def pods_of(objects: Objects) -> Objects:
    templates = [copy.deepcopy(the(objects, kind)["spec"]["template"]) for kind in ("Deployment", "Job")]
    for template in templates:
        template["metadata"]["name"] = "a-pod"
    return templates


def test_an_upgrade_brings_everything_up_to_date_the_crd_too(empty: Cluster) -> None:
    """From a release of which the CRD is older, and with other values."""
    empty.install(values={"operator": {"replicas": 1}, "namespaces": ["payments"]})
    eventually(lambda: served(empty), "models are served")
    assert empty.api.post(MODELS, MODEL).status == 201
    older = {"spec": {"versions": [age(version) for version in empty.api.get(CRD).body["spec"]["versions"]]}}
    assert empty.api.patch(CRD, older).status == 200
    empty.install("upgrade", "--reset-values")
    described = empty.api.get(CRD).body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]
    assert described != "older"
    assert empty.api.get(DEPLOYMENT).body["spec"]["replicas"] == 2
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/payments/roles/{NAMESPACE}-fairway-operator"
    assert empty.api.get(roles).status == 404, "what was given in one namespace is given everywhere now"
    assert empty.api.get(f"{MODELS}/fraud").status == 200


def age(version: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(version)
    found["schema"]["openAPIV3Schema"]["description"] = "older"
    return found


def test_an_upgrade_with_the_same_values_changes_nothing(empty: Cluster) -> None:
    empty.install(values=EVERYTHING)
    before = empty.api.get(DEPLOYMENT).body["metadata"]["generation"]
    empty.install("upgrade", values=EVERYTHING)
    assert empty.api.get(DEPLOYMENT).body["metadata"]["generation"] == before


def test_uninstalling_leaves_models_and_crd_and_a_new_release_finds_them(empty: Cluster) -> None:
    empty.install()
    eventually(lambda: served(empty), "models are served")
    assert empty.api.post(MODELS, MODEL).status == 201
    told = empty.release("uninstall", "fairway")
    assert "[CustomResourceDefinition] modeldeployments.fairway.dev" in told
    assert empty.api.get(DEPLOYMENT).status == 404
    kept = empty.api.get(f"{MODELS}/fraud")
    assert kept.status == 200
    empty.install()
    assert empty.api.get(f"{MODELS}/fraud").body["metadata"]["uid"] == kept.body["metadata"]["uid"]


def test_taking_the_crd_out_of_the_release_does_not_delete_it(empty: Cluster) -> None:
    empty.install()
    eventually(lambda: served(empty), "models are served")
    assert empty.api.post(MODELS, MODEL).status == 201
    empty.install("upgrade", values={"crds": {"install": False}})
    crd = empty.api.get(CRD)
    assert crd.status == 200
    assert "deletionTimestamp" not in crd.body["metadata"], (
        "a CRD takes a while to go, and its models with it"
    )
    assert empty.api.get(f"{MODELS}/fraud").status == 200


def test_a_tenant_may_install_it_without_rights_on_the_cluster(empty: Cluster) -> None:
    """All rights in three namespaces are enough where somebody else has brought the CRD."""
    empty.install()
    empty.release("uninstall", "fairway")
    for namespace in (NAMESPACE, "payments", "search"):
        binding = {
            "metadata": {"name": "tenant"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "User", "name": "tenant", "apiGroup": "rbac.authorization.k8s.io"}],
        }
        place = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
        assert empty.api.post(place, binding).status in {201, 409}
    empty.release("install", "fairway", "charts/fairway", "--kube-as-user=tenant", values=NAMESPACED)
