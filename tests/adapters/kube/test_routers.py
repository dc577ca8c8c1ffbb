from __future__ import annotations

from typing import Any

import pytest

from fairway.adapters.errors import TelemetryError
from fairway.adapters.kube import routers
from fairway.adapters.kube.routers import Reports, parse_report
from fairway.core.route import Backend, Counts, Route
from fairway.render.route_json import to_json

KEY = "payments/fraud"


def route(candidate: int) -> Route:
    return Route("payments", "fraud", 10000, (Backend("new", candidate), Backend("old", 1000 - candidate)))


def report(source: str | None, programmed: Route | None, requests: int = 0, *, counted: bool = True) -> Any:
    model = {
        "programmed": to_json(programmed) if programmed else None,
        "rejected": None,
        "revisions": {"new": {"requests": requests, "failures": 1, "active": 2}},
    }
    return parse_report({"source": source, "models": {KEY: model}}, counted=counted)


def test_a_route_is_in_force_when_all_routers_have_it() -> None:
    assert routers.in_force((report("a", route(50)), report("b", route(50))), KEY) == (True, route(50))


@pytest.mark.parametrize(
    "reports",
    [(), (None,), (report("a", route(50)), None), (report("a", route(50)), report("b", route(60)))],
    ids=["none", "silent", "one silent", "they differ"],
)
def test_otherwise_nobody_knows(reports: Reports) -> None:
    assert routers.in_force(reports, KEY) == (False, None)


def test_whatever_any_router_still_has_is_routed() -> None:
    gone = Route("payments", "fraud", 10000, (Backend("older", 0), Backend("old", 1000)))
    assert routers.routed((report("a", route(50)), report("b", gone), None), KEY) == {"new", "old", "older"}


def test_counters_are_added_up_over_routers() -> None:
    reports = (report("a", route(50), 10), report("b", route(50), 20))
    sample = routers.sample(reports, KEY, ("new", "old"))
    assert sample is not None
    assert sample.counts == {"new": Counts(30, 2), "old": Counts()}
    assert routers.active(reports, KEY, ("new",)) == {"new": 4}


def test_a_router_more_or_a_router_that_restarted_is_another_source() -> None:
    sources = {
        sample.source
        for names in (("a",), ("a", "b"), ("a", "c"))
        if (sample := routers.sample(tuple(report(name, route(50)) for name in names), KEY, ()))
    }
    assert len(sources) == 3


@pytest.mark.parametrize(
    "other",
    [None, report(None, route(50)), report("b", route(50), counted=False)],
    ids=["silent", "without Envoy", "did not count"],
)
def test_half_a_reading_is_none(other: Any) -> None:
    reports = (report("a", route(50), 10), other)
    assert routers.sample(reports, KEY, ("new",)) is None
    assert routers.active(reports, KEY, ("new",)) is None


@pytest.mark.parametrize(
    "content", [{}, [], {"source": "x"}, {"source": "x", "models": {"k": {"programmed": {}}}}]
)
def test_an_answer_that_makes_no_sense_is_refused(content: Any) -> None:
    with pytest.raises(TelemetryError):
        parse_report(content)


def test_only_routers_that_clients_are_sent_to_are_asked() -> None:
    ready = {
        "status": {"podIP": "10.0.0.2", "conditions": [{"type": "Ready", "status": "True"}]},
        "metadata": {},
    }
    going = {**ready, "metadata": {"deletionTimestamp": "now"}}
    starting = {"status": {"podIP": "10.0.0.3"}, "metadata": {}}
    assert routers.ready_addresses((ready, going, starting)) == ("10.0.0.2",)
