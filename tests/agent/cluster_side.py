"""What the operator and Kubernetes write, through a real API server."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.apiserver import Apiserver
from e2e.cluster.certificates import CA
from e2e.cluster.rest import APPLY, Api

from fairway.adapters.xds import Endpoint
from fairway.core.route import TOTAL_WEIGHT, Backend, Route
from fairway.render.envoy import render_model
from fairway.render.kube.labels import Owner
from fairway.render.kube.route_config import route_config_map, route_config_name
from fairway.render.kube.router import NAME, RouterSettings, router_objects

_numbers = itertools.count(1)
UID = "00000000-0000-0000-0000-000000000001"
PLURALS = {
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
}


@dataclass
class ClusterSide:
    """One namespace of a real API server, with the router's account and rights in it."""

    api: Api
    namespace: str

    @classmethod
    def make(cls, api: Api, **labels: str) -> ClusterSide:
        side = cls(api, f"shop-{next(_numbers)}")
        body = {"metadata": {"name": side.namespace, "labels": labels}}
        assert api.post("/api/v1/namespaces", body).status == 201
        for one in router_objects(side.namespace, RouterSettings(image="router:1"), []):
            side.apply(one)
        return side

    def apply(self, manifest: dict[str, Any], query: str = "") -> Any:
        folder = PLURALS[manifest["kind"]].format(self.namespace)
        path = f"/{folder}/{manifest['metadata']['name']}?fieldManager=fairway-operator&force=true{query}"
        answer = self.api.patch(path, manifest, APPLY)
        assert answer.status in {200, 201}, answer.body
        return answer.body

    def token_dir(self, folder: Path, server: Apiserver) -> Path:
        """A token of the router's own account, as the kubelet would project it."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{NAME}/token"
        answer = self.api.post(path, {"spec": {"expirationSeconds": 3600}})
        assert answer.status == 201, answer.body
        folder.mkdir()
        (folder / "token").write_text(answer.body["status"]["token"])
        (folder / "ca.crt").write_bytes((server.folder / CA).read_bytes())
        return folder

    def route(self, port: int, weights: dict[str, int] | None = None, name: str = "fraud") -> Route:
        shares = weights or {"v1": TOTAL_WEIGHT}
        backends = tuple(Backend(revision, weight) for revision, weight in shares.items())
        return Route(self.namespace, name, port, backends, request_timeout_seconds=5.0)

    def want(self, route: Route) -> None:
        """As the operator does, but on loopback: a pod has its network to itself, a test has not."""
        owner = Owner(self.namespace, route.name, UID)
        self.write(route.name, route_config_map(owner, route, render_model(route)))

    def write(self, model: str, config_map: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{route_config_name(model)}"
        answer = self.api.patch(f"{path}?fieldManager=fairway-operator&force=true", config_map, APPLY)
        assert answer.status in {200, 201}, answer.body

    def spoil(self, model: str, text: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{route_config_name(model)}"
        assert self.api.patch(path, {"data": {"route.json": text}}).status == 200

    def forget(self, model: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{route_config_name(model)}"
        assert self.api.delete(path).status == 200

    def serve(self, revision: str, *endpoints: Endpoint, slice_name: str = "", **conditions: bool) -> None:
        """An EndpointSlice, as Kubernetes writes it for the revision's headless Service."""
        name = slice_name or f"{revision}-abcde"
        body = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": revision}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": _port(endpoints), "protocol": "TCP"}],
            "endpoints": [
                {"addresses": [one.host], "conditions": {"ready": True, **conditions}} for one in endpoints
            ],
        }
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices/{name}"
        answer = self.api.patch(f"{path}?fieldManager=kubernetes&force=true", body, APPLY)
        assert answer.status in {200, 201}, answer.body

    def unserve(self, revision: str) -> None:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices/{revision}-abcde"
        assert self.api.delete(path).status == 200


def _port(endpoints: Iterable[Endpoint]) -> int:
    return next((one.port for one in endpoints), 8080)
