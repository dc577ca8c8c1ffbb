"""The router of a namespace as Kubernetes gets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairway.agent.settings import Settings
from fairway.api import v1alpha1
from fairway.core.route import Backend, Route
from fairway.render.envoy import render_model
from fairway.render.kube import labels
from fairway.render.kube.labels import Owner
from fairway.render.kube.route_config import BIND_ADDRESS, model_service, route_config_map
from fairway.render.kube.router import AGENT_PORT, RUN_DIR, RouterSettings, router_objects

SETTINGS = RouterSettings(image="router:1")
OWNERS = [Owner("shop", "fraud", "u1"), Owner("shop", "churn", "u2")]
ROUTE = Route("shop", "fraud", 10007, (Backend("fraud-2", 50), Backend("fraud-1", 950)))


def objects(settings: RouterSettings = SETTINGS) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in router_objects("shop", settings, OWNERS)}


def pod_of(settings: RouterSettings = SETTINGS) -> dict[str, Any]:
    return dict(objects(settings)["Deployment"]["spec"]["template"]["spec"])


def containers(settings: RouterSettings = SETTINGS) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in pod_of(settings)["containers"]}


def test_the_words_are_those_of_the_api() -> None:
    """They are spelled twice so that the agent need not carry the models of the whole API."""
    assert (labels.GROUP, labels.API_VERSION, labels.KIND) == (
        v1alpha1.GROUP,
        v1alpha1.API_VERSION,
        v1alpha1.KIND,
    )


def test_the_order_of_the_owners_changes_nothing() -> None:
    """Otherwise every reconciliation would write."""
    again = router_objects("shop", SETTINGS, [*reversed(OWNERS), OWNERS[0]])
    assert router_objects("shop", SETTINGS, OWNERS) == again


def test_models_come_and_go_without_a_restart() -> None:
    """The pod template is the same whoever owns it."""
    *_, alone, _ = router_objects("shop", SETTINGS, OWNERS[:1])
    assert alone["spec"] == objects()["Deployment"]["spec"]


def test_it_goes_with_the_last_of_its_models() -> None:
    for one in objects().values():
        references = one["metadata"]["ownerReferences"]
        assert [ref["name"] for ref in references] == ["churn", "fraud"]
        assert not any(ref.get("controller") for ref in references), "only one owner may be the controller"


def test_it_may_read_two_kinds_and_nothing_else() -> None:
    assert objects()["Role"]["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["get", "list", "watch"],
        },
    ]


def test_only_the_agent_has_a_token() -> None:
    """Envoy talks to the world; it must have nothing to give away."""
    pod, found = pod_of(), containers()
    assert pod["automountServiceAccountToken"] is False
    assert objects()["ServiceAccount"]["automountServiceAccountToken"] is False
    mounts = {name: {one["name"] for one in container["volumeMounts"]} for name, container in found.items()}
    assert ("token" in mounts["agent"], "token" in mounts["envoy"]) == (True, False)


def test_both_containers_are_locked_down() -> None:
    for container in containers().values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    context = pod_of()["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] >= 10000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all("sizeLimit" in one["emptyDir"] for one in pod_of()["volumes"] if "emptyDir" in one)


@pytest.mark.parametrize(("replicas", "protected"), [(1, False), (2, True), (3, True)])
def test_a_single_router_may_always_be_moved(replicas: int, protected: bool) -> None:
    """A budget for one replica would hold up every drain of its node for ever."""
    found = objects(RouterSettings(image="router:1", replicas=replicas))
    assert ("PodDisruptionBudget" in found) is protected
    assert found["Deployment"]["spec"]["replicas"] == replicas


def test_a_new_router_is_ready_before_an_old_one_goes() -> None:
    assert objects()["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_there_is_time_to_drain() -> None:
    settings = RouterSettings(image="router:1", drain_seconds=120)
    environment = {one["name"]: one.get("value") for one in containers(settings)["envoy"]["env"]}
    assert pod_of(settings)["terminationGracePeriodSeconds"] > 120
    assert environment["FAIRWAY_DRAIN_SECONDS"] == "120"
    hook = containers(settings)["envoy"]["lifecycle"]["preStop"]["exec"]["command"]
    assert hook == ["fairway-agent", "drain"]


def test_the_agent_and_the_manifest_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the sockets lie, which port is asked, where the token is: said in one place, used in another."""
    for one in containers()["agent"]["env"]:
        monkeypatch.setenv(one["name"], one.get("value", "any"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    settings = Settings()
    arguments = containers()["envoy"]["args"]
    static = json.loads(arguments[arguments.index("--config-yaml") + 1])
    assert str(settings.run_dir) == str(RUN_DIR) == str(settings.admin_socket.parent)
    assert static["admin"]["address"]["pipe"]["path"] == str(settings.admin_socket)
    assert str(settings.agent_socket) in json.dumps(static["static_resources"])
    assert settings.port == AGENT_PORT == containers()["agent"]["ports"][0]["containerPort"]
    assert settings.api_url == "https://[fd00::1]:443"
    mounts = {one["name"]: one["mountPath"] for one in containers()["agent"]["volumeMounts"]}
    assert (mounts["token"], mounts["run"]) == (str(settings.token_dir), str(settings.run_dir))


def test_nothing_of_a_liveness_probe_depends_on_envoy_or_the_api() -> None:
    """A restart of the agent cures neither, and would take a serving router out of the Service."""
    agent = containers()["agent"]
    assert agent["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "livenessProbe" not in containers()["envoy"]


def test_what_the_administrator_chose_is_in_the_pod_and_what_not_is_not() -> None:
    chosen = RouterSettings(
        image="router:1",
        image_pull_secrets=("registry",),
        node_selector={"disk": "ssd"},
        tolerations=({"key": "gpu", "operator": "Exists"},),
        priority_class="high",
    )
    assert pod_of(chosen)["imagePullSecrets"] == [{"name": "registry"}]
    assert pod_of(chosen)["priorityClassName"] == "high"
    assert not {"imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName"} & pod_of().keys()


def test_the_same_route_is_the_same_text() -> None:
    rendered = render_model(ROUTE, bind_address=BIND_ADDRESS)
    one, two = (route_config_map(OWNERS[0], ROUTE, rendered) for _ in range(2))
    assert one["data"] == two["data"]
    assert one["metadata"]["name"] == "fraud-route"
    assert one["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "fairway",
        "fairway.dev/model-deployment": "fraud",
        "fairway.dev/component": "route",
    }
    assert json.loads(one["data"]["route.json"])["clusters"] == {
        "shop/fraud/fraud-2": "fraud-2",
        "shop/fraud/fraud-1": "fraud-1",
    }


def test_the_service_of_a_model_selects_the_router_pods_and_its_own_port() -> None:
    service = model_service(OWNERS[0], "fraud-public", ROUTE.port)
    pod_labels = objects()["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= pod_labels.items()
    assert [(one["port"], one["targetPort"]) for one in service["spec"]["ports"]] == [(80, 10007)]
    assert service["metadata"]["ownerReferences"][0]["controller"] is True


def test_names_fit_whatever_the_model_is_called() -> None:
    owner = Owner("n" * 63, "m" * 40, "u")
    route = Route("n" * 63, "m" * 40, 10000, (Backend("m" * 40 + "-0123456789", 1000),))
    made = [route_config_map(owner, route, render_model(route)), *router_objects("n" * 63, SETTINGS, [owner])]
    for one in made:
        assert len(one["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in one["metadata"]["labels"].values())
