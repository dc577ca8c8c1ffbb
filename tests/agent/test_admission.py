"""A real API server takes the router's objects, also where Pod Security is *restricted*."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.rest import Api

from agent.cluster_side import ClusterSide
from fairway.core.route import Backend, Route
from fairway.render.envoy import render_model
from fairway.render.kube.labels import Owner
from fairway.render.kube.route_config import BIND_ADDRESS, model_service, route_config_map
from fairway.render.kube.router import RouterSettings, router_objects

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture
def side(server: Apiserver) -> Iterator[ClusterSide]:
    """A namespace with all objects of the router applied."""
    with contextlib.closing(Api.of(server.kubeconfig("admin"))) as api:
        yield ClusterSide.make(api, **RESTRICTED)


def test_a_restricted_namespace_takes_the_pods(side: ClusterSide) -> None:
    *_, deployment, _ = router_objects(side.namespace, RouterSettings(image="router:1"), [])
    pod = {"metadata": {"name": "one"}, **deployment["spec"]["template"]}
    pod["metadata"] = {"name": "one", **deployment["spec"]["template"]["metadata"]}
    path = f"/api/v1/namespaces/{side.namespace}/pods?dryRun=All"
    assert side.api.post(path, pod).status == 201
    pod["spec"]["containers"][0]["securityContext"]["capabilities"] = {}
    assert side.api.post(path, pod).status == 403, "and would refuse others"


def test_applying_the_router_again_changes_nothing(side: ClusterSide) -> None:
    """Defaults that the server fills in must not look like drift."""
    for one in router_objects(side.namespace, RouterSettings(image="router:1"), []):
        before, after = side.apply(one), side.apply(one)
        assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"], one["kind"]


def test_the_routers_account_can_read_what_it_needs_and_write_nothing(
    side: ClusterSide, server: Apiserver
) -> None:
    def may(verb: str, group: str, resource: str) -> bool:
        user = f"system:serviceaccount:{side.namespace}:fairway-router"
        attributes = {"namespace": side.namespace, "verb": verb, "group": group, "resource": resource}
        review = {"spec": {"user": user, "resourceAttributes": attributes}}
        answer = side.api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer.body["status"]["allowed"])

    kinds = [("", "configmaps"), ("discovery.k8s.io", "endpointslices")]
    assert all(may(verb, *kind) for kind in kinds for verb in ("get", "list", "watch"))
    assert not any(may(verb, *kind) for kind in kinds for verb in ("create", "patch", "delete"))
    assert not may("get", "", "secrets")


def test_the_objects_of_a_model_are_taken_too(side: ClusterSide) -> None:
    owner = Owner(side.namespace, "fraud", "00000000-0000-0000-0000-000000000001")
    route = Route(side.namespace, "fraud", 10000, (Backend("fraud-1", 1000),))
    side.write("fraud", route_config_map(owner, route, render_model(route, bind_address=BIND_ADDRESS)))
    path = f"/api/v1/namespaces/{side.namespace}/services"
    answer = side.api.post(path, model_service(owner, "fraud", route.port))
    assert answer.status == 201, answer.body
