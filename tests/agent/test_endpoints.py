"""Which servers an EndpointSlice offers."""

from __future__ import annotations

from typing import Any

import pytest

from fairway.adapters.xds import Endpoint
from fairway.agent.endpoints import by_service, read_slice


def make_slice(*conditions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "v1-abc", "labels": {"kubernetes.io/service-name": "v1"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": [f"10.0.0.{n}"], "conditions": one} for n, one in enumerate(conditions, 1)
        ],
        **fields,
    }


@pytest.mark.parametrize(
    ("conditions", "usable"),
    [
        ({"ready": True}, True),
        ({}, True),
        ({"ready": None}, True),
        ({"ready": True, "serving": True, "terminating": False}, True),
        ({"ready": False}, False),
        ({"ready": True, "terminating": True}, False),
        ({"ready": False, "serving": True, "terminating": True}, False),
    ],
)
def test_only_those_that_are_ready_and_stay_get_requests(conditions: dict[str, Any], usable: bool) -> None:
    found = read_slice(make_slice(conditions))
    assert found is not None
    assert found.endpoints == ({Endpoint("10.0.0.1", 8080)} if usable else frozenset())


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"name": "x"}},
        {"metadata": {"name": "x", "labels": None}},
        {"addressType": "FQDN"},
    ],
    ids=["no labels", "null labels", "names instead of addresses"],
)
def test_a_slice_that_cannot_be_used_is_none(fields: dict[str, Any]) -> None:
    assert read_slice(make_slice({}, **fields)) is None


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        ([{"name": "http", "port": 8080}, {"name": "metrics", "port": 9}], 8080),
        ([{"name": "", "port": 8081}], 8081),
        ([{"port": 8082}], 8082),
        ([{"name": "a", "port": 1}, {"name": "b", "port": 2}], None),
        ([{"name": "http", "port": None}], None),
        ([], None),
        (None, None),
    ],
)
def test_the_port_is_the_one_named_http_or_the_only_one(ports: Any, port: int | None) -> None:
    found = read_slice(make_slice({}, ports=ports))
    assert found is not None
    assert [one.port for one in found.endpoints] == ([port] if port else [])


def test_an_odd_entry_does_not_take_the_others_with_it() -> None:
    entries = [{"addresses": ["nonsense"]}, {"addresses": []}, {}, {"addresses": ["10.0.0.9"]}]
    found = read_slice(make_slice(endpoints=entries))
    assert found is not None
    assert found.endpoints == {Endpoint("10.0.0.9", 8080)}


def test_ipv6_addresses_are_spelled_in_one_way() -> None:
    found = read_slice(make_slice(addressType="IPv6", endpoints=[{"addresses": ["FD00:0::1"]}]))
    assert found is not None
    assert found.endpoints == {Endpoint("fd00::1", 8080)}


def test_the_slices_of_a_service_are_one_set_in_one_order() -> None:
    """Kubernetes moves servers between slices; for a moment one stands in both."""
    many = make_slice(*[{}] * 12)
    few = make_slice({}, {}, metadata={"name": "v1-b", "labels": {"kubernetes.io/service-name": "v1"}})
    slices = [read_slice(many), read_slice(few)]
    found = by_service(one for one in slices if one)
    assert list(found) == ["v1"]
    assert len(found["v1"]) == 12
    assert found == by_service(one for one in reversed(slices) if one)
