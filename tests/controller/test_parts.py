"""The small pure parts: ports, restarts, artifacts, settings, events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.events import make_event
from fairway.adapters.kube.kinds import MODEL
from fairway.controller.artifacts import known_without_asking
from fairway.controller.errors import SettingsWrong
from fairway.controller.ports import Ports
from fairway.controller.restarts import Restarts
from fairway.controller.settings import load_settings
from fairway.core.model import Notice
from fairway.driver.ports import Ref
from fairway.fetch.registry import STORES
from fairway.render.kube.fetching import SCHEMES

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
FRAUD, CHURN = Ref("payments", "fraud"), Ref("payments", "churn")


def stored(name: str, port: int, namespace: str = "payments") -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "resourceVersion": "1"}
    return {"metadata": metadata, "status": {"port": port}}


def test_no_two_models_of_a_namespace_get_one_port_even_before_it_is_stored() -> None:
    ports = Ports(Cache(), 10000)
    assert [ports.reserve(FRAUD), ports.reserve(CHURN), ports.reserve(FRAUD)] == [10000, 10001, 10000]


def test_a_stored_port_is_not_given_again_and_namespaces_do_not_share() -> None:
    cache = Cache()
    cache.watched(MODEL, "ADDED", stored("old", 10000))
    cache.watched(MODEL, "ADDED", stored("other", 10001, "elsewhere"))
    assert Ports(cache, 10000).reserve(FRAUD) == 10001


def test_a_reservation_that_somebody_else_stored_is_given_up() -> None:
    """The other replica was the leader for a moment."""
    cache = Cache()
    ports = Ports(cache, 10000)
    assert ports.reserve(FRAUD) == 10000
    cache.watched(MODEL, "ADDED", stored("churn", 10000))
    assert ports.reserve(FRAUD) == 10001


def pod(uid: str, restarts: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "status": {"containerStatuses": [{"restartCount": restarts}]}}


def test_restarts_only_grow_though_pods_go() -> None:
    restarts = Restarts()
    counts = [
        restarts.count(FRAUD, "r", pods)
        for pods in ([pod("1", 2)], [pod("1", 2), pod("2", 1)], [pod("2", 1)], [pod("2", 3)])
    ]
    assert counts == [2, 3, 3, 5]


@pytest.mark.parametrize(
    ("uri", "pin", "sha256", "word"),
    [
        ("https://models/a.onnx", "a" * 64, "a" * 64, None),
        ("s3://models/a", "a" * 64, "a" * 64, None),
        ("file:a.onnx", "a" * 64, None, "not served in a cluster; use one of https:, pvc:, s3:"),
        ("file:a.onnx", None, None, "not served in a cluster"),
    ],
)
def test_a_pin_names_the_content_and_some_schemes_are_for_a_laptop(
    uri: str, pin: str | None, sha256: str | None, word: str | None
) -> None:
    found = known_without_asking(uri, pin)
    assert found is not None
    assert found.sha256 == sha256
    assert (word or "") in (found.error or "")


def test_content_without_a_pin_is_asked_for() -> None:
    assert known_without_asking("s3://models/a", None) is None


def test_the_operator_makes_pods_for_just_the_stores_that_a_fetch_knows() -> None:
    assert set(STORES) == SCHEMES


def test_settings_come_from_the_environment_and_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsWrong, match="FAIRWAY_SERVER_IMAGE: Field required"):
        load_settings()
    monkeypatch.setenv("FAIRWAY_SERVER_IMAGE", "server")
    monkeypatch.setenv("FAIRWAY_ROUTER_IMAGE", "router")
    monkeypatch.setenv("FAIRWAY_FETCH_IMAGE", "operator")
    monkeypatch.setenv("FAIRWAY_NAMESPACES", '["a", "b"]')
    settings = load_settings()
    assert settings.namespaces == ("a", "b")
    assert settings.server().fetch_image == "operator"
    assert settings.router().image == "router"


def test_a_setting_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRWAY_NAMESPACES", "a,b")
    with pytest.raises(SettingsWrong, match="namespaces"):
        load_settings()


def test_the_same_notice_is_one_event_within_an_hour() -> None:
    def name(text: str, now: datetime) -> str:
        return str(make_event(FRAUD, "uid", Notice("Held", text), now)["metadata"]["name"])

    assert name("x", NOW) == name("x", NOW + timedelta(minutes=20))
    assert name("x", NOW) != name("x", NOW + timedelta(hours=1))
    assert name("x", NOW) != name("y", NOW)


def test_a_long_notice_still_makes_an_event() -> None:
    event = make_event(FRAUD, "uid", Notice("Held", "ü" * 3000), NOW)
    assert len(event["message"].encode()) <= 1024
