"""What an installation consists of."""

from __future__ import annotations

from typing import Any

import pytest

from chart.helm import CHART, NAMESPACED, VALUE_SETS, Helm, container, of_kind, the
from fairway.adapters.kube.kinds import MODEL
from fairway.agent.settings import Settings as AgentSettings
from fairway.render.kube.labels import labels
from fairway.render.kube.route_config import ROUTER_COMPONENT
from fairway.render.rbac import lease_rights, operator_rights
from fairway.render.rights import rules

CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def test_the_account_may_do_what_the_code_declares_and_nothing_else(helm: Helm) -> None:
    objects = helm.template({"rbac": {"aggregateToUsers": False}}, "--no-hooks")
    assert the(objects, "ClusterRole")["rules"] == rules(operator_rights())
    assert the(objects, "Role")["rules"] == rules(lease_rights("fairway-operator"))


def test_every_binding_binds_a_role_that_is_there_to_the_operators_account(helm: Helm) -> None:
    for values in VALUE_SETS.values():
        objects = helm.template(values, "--no-hooks")
        roles = {
            (obj["kind"], name_of(obj)) for kind in ("Role", "ClusterRole") for obj in of_kind(objects, kind)
        }
        account = name_of(the(objects, "ServiceAccount"))[1]
        bindings = of_kind(objects, "RoleBinding") + of_kind(objects, "ClusterRoleBinding")
        assert bindings
        for binding in bindings:
            where = binding["metadata"].get("namespace")
            assert (binding["roleRef"]["kind"], (where, binding["roleRef"]["name"])) in roles
            assert [one["name"] for one in binding["subjects"]] == [account]


def name_of(obj: dict[str, Any]) -> tuple[str | None, str]:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def test_with_namespaces_nothing_is_given_beyond_them(helm: Helm) -> None:
    """Whoever installs it needs no right on the cluster as a whole."""
    objects = helm.template(NAMESPACED, "--no-hooks")
    assert {obj["kind"] for obj in objects} & CLUSTER_WIDE == set()
    roles = {name_of(obj)[0]: obj["rules"] for obj in of_kind(objects, "Role")}
    assert roles == {
        "payments": rules(operator_rights()),
        "search": rules(operator_rights()),
        "fairway-system": rules(lease_rights("fairway-operator")),
    }


def test_two_releases_in_two_namespaces_share_nothing(helm: Helm) -> None:
    def names(namespace: str) -> set[tuple[str, tuple[str | None, str]]]:
        return {(obj["kind"], name_of(obj)) for obj in helm.template({}, f"--namespace={namespace}")}

    shared = names("one") & names("two")
    assert shared == {("CustomResourceDefinition", (None, "modeldeployments.fairway.dev"))}


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_a_budget_is_made_only_where_one_may_go(helm: Helm, replicas: int, budgets: int) -> None:
    objects = helm.template({"operator": {"replicas": replicas}})
    assert len(of_kind(objects, "PodDisruptionBudget")) == budgets


def test_the_crd_survives_the_release(helm: Helm) -> None:
    crd = the(helm.template(), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert crd["spec"]["group"] == MODEL.group
    assert not (CHART / "crds").exists(), "what lies there is never upgraded"


def test_selectors_meet_the_pods_whatever_labels_a_user_adds(helm: Helm) -> None:
    theirs = {"app.kubernetes.io/name": "mine", "app.kubernetes.io/instance": "mine", "team": "ml"}
    objects = helm.template({"commonLabels": theirs, "operator": {"podLabels": theirs}}, "--no-hooks")
    template = the(objects, "Deployment")["spec"]["template"]
    found = template["metadata"]["labels"]
    assert found["team"] == "ml"
    selectors = [
        the(objects, "Deployment")["spec"]["selector"]["matchLabels"],
        the(objects, "Service")["spec"]["selector"],
        the(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in template["spec"]["topologySpreadConstraints"]),
    ]
    assert all(selector and selector.items() <= found.items() for selector in selectors)


def test_the_operator_reaches_the_routers_by_the_labels_and_the_port_that_they_have(helm: Helm) -> None:
    egress = the(helm.template({}, "--no-hooks"), "NetworkPolicy")["spec"]["egress"][1]
    assert egress["to"][0]["podSelector"]["matchLabels"] == labels(component=ROUTER_COMPONENT)
    assert [one["port"] for one in egress["ports"]] == [AgentSettings.model_fields["port"].default]


def test_no_object_is_taken_for_one_that_the_operator_manages(helm: Helm) -> None:
    """The operator watches what carries its own label: the chart's objects are none of its."""
    theirs = {"app.kubernetes.io/managed-by": "fairway"}
    objects = helm.template(
        {"commonLabels": theirs, "operator": {"podLabels": theirs}}, "--set=crds.install=false"
    )
    pods = the(objects, "Deployment")["spec"]["template"]
    assert {obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] for obj in (*objects, pods)} == {"Helm"}


def test_probes_ask_what_the_operator_answers(helm: Helm) -> None:
    found = container(helm.template())
    asked = {name: found[name]["httpGet"]["path"] for name in found if name.endswith("Probe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert found["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
