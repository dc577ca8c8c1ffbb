"""What `helm test` runs, against an operator's probe and a real API server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lightkube.config.kubeconfig import KubeConfig, SingleConfig

from chart.cluster_side import Cluster
from chart.helm import NAMESPACE
from chart.test_install import CRD, MODELS
from cluster.waiting import eventually
from fairway.controller.check import ask_readiness, try_models
from fairway.controller.errors import NotServing


@pytest.fixture
def probe() -> Iterator[ThreadingHTTPServer]:
    """Answers as the operator's `/readyz` does, with `server.status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(b"nothing is listed yet")

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_a_ready_operator_passes(probe: ThreadingHTTPServer) -> None:
    probe.status = 200  # type: ignore[attr-defined]
    ask_readiness(url(probe))


def test_an_operator_that_is_not_ready_is_quoted(probe: ThreadingHTTPServer) -> None:
    probe.status = 503  # type: ignore[attr-defined]
    with pytest.raises(NotServing, match="not ready: nothing is listed yet"):
        ask_readiness(url(probe))


def test_an_operator_that_is_away_is_named(probe: ThreadingHTTPServer) -> None:
    nobody = url(probe).rpartition(":")[0] + ":9"
    with pytest.raises(NotServing, match="does not answer at"):
        ask_readiness(nobody)


@pytest.fixture
def account(cluster: Cluster) -> Iterator[SingleConfig]:
    """The one that the hook's pod has, with the hook's own rights."""
    cluster.install()
    eventually(lambda: cluster.api.get(MODELS).status == 200, "models are served")
    hooks = [
        obj for obj in cluster.helm.template() if "helm.sh/hook" in obj["metadata"].get("annotations", {})
    ]
    wanted = [obj for obj in hooks if obj["kind"] in {"ServiceAccount", "Role", "RoleBinding"}]
    assert len(wanted) == 3
    cluster.apply(wanted)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/fairway-operator-test/token"
    token = cluster.api.post(path, {"spec": {"expirationSeconds": 3600}}).body["status"]["token"]
    yield as_user(cluster.kubeconfig, token)
    cluster.release("uninstall", "fairway")


def as_user(kubeconfig: Path, token: str) -> SingleConfig:
    found = KubeConfig.from_file(kubeconfig).get()
    assert found is not None
    assert found.user is not None
    found.user.token, found.context.namespace = token, NAMESPACE
    return found


def test_with_the_rights_of_the_hook_all_is_well(cluster: Cluster, account: SingleConfig) -> None:
    try_models(account)
    assert (
        cluster.api.get(f"/apis/fairway.dev/v1alpha1/namespaces/{NAMESPACE}/modeldeployments").body["items"]
        == []
    )


def test_a_crd_that_lets_everything_pass_is_found_out(cluster: Cluster, account: SingleConfig) -> None:
    """As one of another version would: here one whose schema says nothing."""
    versions = cluster.api.get(CRD).body["spec"]["versions"]
    versions[0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    assert cluster.api.patch(CRD, {"spec": {"versions": versions}}).status == 200

    def found_out() -> bool:
        try:
            try_models(account)
        except NotServing as error:
            return "takes a bad ModelDeployment" in str(error)
        return False

    eventually(found_out, "it is found out")
    cluster.install("upgrade", "--reset-values")


def test_a_missing_crd_is_named(cluster: Cluster, account: SingleConfig) -> None:
    assert cluster.api.delete(CRD).status == 200
    eventually(lambda: cluster.api.get(MODELS).status == 404, "models are not served any more")
    with pytest.raises(NotServing, match="refuses a good ModelDeployment: 404: is the CRD installed"):
        try_models(account)
    cluster.install("upgrade", "--reset-values")
