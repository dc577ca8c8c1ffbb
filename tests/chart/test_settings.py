"""What an administrator chooses reaches the operator, all of it."""

from __future__ import annotations

import pytest

from chart.helm import EVERYTHING, NAMESPACE, Helm, container, environment
from fairway.controller.settings import PREFIX, Settings, load_settings

NOT_CHOSEN = {
    "kubeconfig": "in a pod it is the pod's own account",
    "identity": "made anew by each process: two of them must never look like one",
    "http_host": "probes come from outside the pod",
    "http_port": "a pod's ports are its own; the Service's may be chosen",
}


def load(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_every_setting_can_be_chosen(helm: Helm) -> None:
    """A setting that is added to the operator has to be added to the chart, or named above with a reason."""
    offered = {name.removeprefix(PREFIX).lower() for name in environment(helm.template(EVERYTHING))}
    assert offered == set(Settings.model_fields) - NOT_CHOSEN.keys()


def test_the_operator_understands_all_of_it(helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(monkeypatch, environment(helm.template(EVERYTHING)))
    assert found.namespaces == ("payments",)
    assert found.image_pull_secrets == ("mirror",)
    assert (found.workers, found.resync_seconds, found.log_level) == (16, 30.0, "WARNING")
    assert (found.router_replicas, found.first_port) == (3, 20000)
    assert (found.lease_namespace, found.lease_name) == (NAMESPACE, "fairway-operator")


def test_by_default_it_is_what_the_operator_would_do_anyway(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two places with defaults would drift apart."""
    found = load(monkeypatch, environment(helm.template()))
    for name, field in Settings.model_fields.items():
        if name not in NOT_CHOSEN and not name.endswith("_image") and not field.is_required():
            assert getattr(found, name) == field.get_default(call_default_factory=True), name


def test_an_image_is_named_by_its_digest_else_by_its_tag_else_by_the_chart(helm: Helm) -> None:
    chosen, plain = helm.template(EVERYTHING), helm.template()
    assert container(chosen)["image"] == f"other.example/team/operator@sha256:{'1' * 64}"
    assert (
        environment(chosen)["FAIRWAY_ROUTER_IMAGE"]
        == f"registry.example/mirror/team/router@sha256:{'2' * 64}"
    )
    assert environment(chosen)["FAIRWAY_SERVER_IMAGE"] == "registry.example/mirror/team/onnx:9"
    assert container(plain)["image"] == "fairway.dev/operator:0.1.0"
    assert container(helm.template({"image": {"registry": ""}}))["image"] == "operator:0.1.0"


def test_models_are_fetched_with_the_operators_own_image_unless_another_is_named(helm: Helm) -> None:
    digest = {"operator": {"image": {"digest": f"sha256:{'3' * 64}"}}}
    own = helm.template(digest)
    assert environment(own)["FAIRWAY_FETCH_IMAGE"] == container(own)["image"]
    tagged = helm.template({**digest, "fetch": {"image": {"repository": "fetch", "tag": "4"}}})
    assert environment(tagged)["FAIRWAY_FETCH_IMAGE"] == "fairway.dev/fetch:4"
