"""Who may name which Secret and service account: two users of one namespace on a real API server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from chart.cluster_side import Cluster
from chart.helm import NAMESPACED
from chart.test_install import MODEL, MODELS
from cluster.waiting import eventually

RBAC = "/apis/rbac.authorization.k8s.io/v1"
OWNER, AUTHOR = "olga", "arthur"
"""Olga has the built-in role `edit`; Arthur may write ModelDeployments, and nothing else."""


@pytest.fixture(scope="module")
def guarded(cluster: Cluster) -> Iterator[Cluster]:
    """With the chart, a Secret and a service account, and the policy in force."""
    cluster.install()
    author = {
        "metadata": {"name": "author"},
        "rules": [rule("modeldeployments", "get", "create", "update", "patch")],
    }
    assert cluster.api.post(f"{RBAC}/namespaces/payments/roles", author).status in {201, 409}
    bind(cluster, AUTHOR, "Role", "author")
    bind(cluster, OWNER, "ClusterRole", "edit")
    secret = {"metadata": {"name": "store"}, "stringData": {"AWS_SECRET_ACCESS_KEY": "s3cr3t"}}
    assert cluster.api.post("/api/v1/namespaces/payments/secrets", secret).status in {201, 409}
    eventually(lambda: said(cluster, AUTHOR, with_secret()) != "", "the policy is in force")
    eventually(lambda: said(cluster, OWNER, MODEL) == "", "the built-in roles know models")
    yield cluster
    cluster.release("uninstall", "fairway")


@pytest.fixture(autouse=True)
def no_models(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.api.delete(f"{MODELS}/fraud")


def rule(resource: str, *verbs: str, group: str = "fairway.dev", name: str = "") -> dict[str, Any]:
    found = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return found | ({"resourceNames": [name]} if name else {})


def bind(cluster: Cluster, user: str, kind: str, role: str) -> None:
    binding = {
        "metadata": {"name": f"{user}-{role}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    assert cluster.api.post(f"{RBAC}/namespaces/payments/rolebindings", binding).status in {201, 409}


def grant(cluster: Cluster, user: str, name: str, *rules: dict[str, Any]) -> None:
    assert cluster.api.post(
        f"{RBAC}/namespaces/payments/roles", {"metadata": {"name": name}, "rules": list(rules)}
    ).status in {201, 409}
    bind(cluster, user, "Role", name)


def changed(**model: Any) -> dict[str, Any]:
    found = copy.deepcopy(MODEL)
    found["spec"]["model"] |= model
    return found


def with_secret(name: str = "store", **model: Any) -> dict[str, Any]:
    return changed(secretRef={"name": name}, **model)


def said(cluster: Cluster, user: str, model: dict[str, Any], *, really: bool = False) -> str:
    """What the API server says to this user's `kubectl apply`; "" when it takes it."""
    dry = () if really else ("--dry-run=server",)
    done = cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--namespace=payments", f"--as={user}"),
        *(*dry, "--filename=-"),
        given=model,
    )
    return done.stderr if done.returncode else ""


def test_a_model_without_references_is_anybodys_who_may_write_models(guarded: Cluster) -> None:
    assert said(guarded, AUTHOR, MODEL) == ""


def test_a_secret_is_named_by_who_may_read_it(guarded: Cluster) -> None:
    assert said(guarded, OWNER, with_secret()) == ""
    refused = said(guarded, AUTHOR, with_secret())
    assert "spec.model.secretRef names the Secret store, which arthur must be allowed to get" in refused


def test_a_service_account_is_named_by_who_may_act_as_it(guarded: Cluster) -> None:
    model = changed(serviceAccountName="trainer")
    assert said(guarded, OWNER, model) == ""
    refused = said(guarded, AUTHOR, model)
    assert (
        "spec.model.serviceAccountName names trainer, which arthur must be allowed to impersonate" in refused
    )


def test_what_may_not_be_made_may_not_be_changed_into(guarded: Cluster) -> None:
    assert said(guarded, AUTHOR, MODEL, really=True) == ""
    assert "must be allowed to get" in said(guarded, AUTHOR, with_secret())
    assert "must be allowed to impersonate" in said(guarded, AUTHOR, changed(serviceAccountName="trainer"))


def test_nobody_sends_somebody_elses_secret_to_another_address(guarded: Cluster) -> None:
    """The reference stays as its owner wrote it, and yet this would hand out what is in it."""
    assert said(guarded, OWNER, with_secret(), really=True) == ""
    assert "must be allowed to get" in said(guarded, AUTHOR, with_secret(uri="https://elsewhere/a.onnx"))


def test_a_rollout_is_stopped_without_the_right_to_its_secret(guarded: Cluster) -> None:
    """Verbs are annotations. In the night somebody else may have to press the button."""
    assert said(guarded, OWNER, with_secret(), really=True) == ""
    done = guarded.kubectl(
        *("annotate", "modeldeployment", "fraud", "--namespace=payments", f"--as={AUTHOR}"),
        'fairway.dev/request={"id": "1", "verb": "abort", "by": "arthur"}',
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_right_to_one_secret_is_no_right_to_another(guarded: Cluster) -> None:
    user = "rita"
    bind(guarded, user, "Role", "author")
    grant(guarded, user, "one-secret", rule("secrets", "get", group="", name="hers"))
    eventually(lambda: said(guarded, user, with_secret("hers")) == "", "her right is in force")
    assert "the Secret store, which rita" in said(guarded, user, with_secret("store"))


def test_a_right_in_another_namespace_counts_for_nothing(guarded: Cluster) -> None:
    user = "nils"
    bind(guarded, user, "Role", "author")
    elsewhere = {
        "metadata": {"name": f"{user}-edit"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    made = guarded.api.post(f"{RBAC}/namespaces/search/rolebindings", elsewhere)
    assert made.status in {201, 409}
    eventually(lambda: said(guarded, user, MODEL) == "", "his right to models is in force")
    assert "must be allowed to get" in said(guarded, user, with_secret())


def test_the_built_in_roles_see_and_write_models_but_not_their_status(guarded: Cluster) -> None:
    """Who could write a status could promote anything."""

    def may(verb: str, user: str, *more: str) -> bool:
        words = (
            "auth",
            "can-i",
            verb,
            "modeldeployments.fairway.dev",
            "--namespace=payments",
            f"--as={user}",
        )
        return guarded.kubectl(*words, *more).stdout.strip() == "yes"

    bind(guarded, "vera", "ClusterRole", "view")
    eventually(lambda: may("list", "vera"), "view knows models")
    assert not may("create", "vera")
    for verb in ("get", "create", "patch", "delete"):
        assert may(verb, OWNER)
    for verb in ("update", "patch"):
        assert not may(verb, OWNER, "--subresource=status")


def test_with_namespaces_the_policy_is_about_these(guarded: Cluster) -> None:
    """A second release that serves `search` does not judge `payments`."""
    objects = guarded.helm.template({"namespaces": ["search"], "admissionPolicy": {"enabled": True}})
    binding = next(obj for obj in objects if obj["kind"] == "ValidatingAdmissionPolicyBinding")
    (selected,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (selected["key"], selected["values"]) == ("kubernetes.io/metadata.name", ["search"])
    assert NAMESPACED["admissionPolicy"] == {"enabled": False}
