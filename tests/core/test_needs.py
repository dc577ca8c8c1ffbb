from __future__ import annotations

from datetime import timedelta

import pytest

from builders import make_deployment
from fairway.core.model import Health, WorkloadHealth
from fairway.core.needs import needs
from harbour import Harbour, live, rolling


def test_a_new_resource_needs_its_content_and_a_port() -> None:
    harbour = Harbour(make_deployment(uri="file:/models/x"))
    ask = needs(harbour.md, harbour.now)
    assert (ask.artifact, ask.revisions, ask.free_port) == ("file:/models/x", (), True)
    assert (ask.sample, ask.active) == (False, False)


@pytest.mark.parametrize("phase", ["Provisioning", "Warming", "Promoting", "RolledBack"])
def test_counters_are_not_read_where_nothing_is_weighed(phase: str) -> None:
    harbour = rolling(phase)
    harbour.pass_time(timedelta(minutes=1))
    assert not needs(harbour.md, harbour.now).sample


@pytest.mark.parametrize("phase", ["Canary", "Paused", "Baking"])
def test_counters_are_read_once_an_interval(phase: str) -> None:
    harbour = rolling(phase)
    harbour.tick()
    harbour.tick()
    assert not needs(harbour.md, harbour.now).sample
    assert not needs(harbour.md, harbour.now + timedelta(seconds=14)).sample
    assert needs(harbour.md, harbour.now + timedelta(seconds=15)).sample


@pytest.mark.parametrize(("phase", "asked"), [("RollingBack", True), ("Baking", True), ("Canary", False)])
def test_requests_in_flight_matter_where_a_revision_is_about_to_leave(phase: str, asked: bool) -> None:
    harbour = rolling(phase)
    assert needs(harbour.md, harbour.now).active is asked


def test_both_revisions_are_looked_at_during_a_rollout() -> None:
    harbour = rolling("Canary")
    assert needs(harbour.md, harbour.now).revisions == (harbour.candidate, harbour.stable)


def test_a_live_resource_is_looked_at_every_half_minute_and_no_more() -> None:
    harbour = live()
    assert harbour.tick().look_again == timedelta(seconds=30)


def test_the_end_of_the_grace_is_looked_at_when_it_comes() -> None:
    harbour = rolling("Warming")
    harbour.set_health(harbour.candidate, WorkloadHealth(Health.STARTING))
    harbour.tick()
    harbour.pass_time(timedelta(seconds=21))
    assert harbour.tick().look_again == timedelta(seconds=9)


def test_a_route_that_is_not_in_force_yet_is_looked_at_soon_and_less_often_the_longer_it_takes() -> None:
    """Routers tell nobody when they have it; a rollout must not wait for the next look by chance."""
    harbour = rolling("Warming")
    harbour.routers = False
    waits = []
    for pause in (0, 1, 9, 90):
        harbour.pass_time(timedelta(seconds=pause))
        waits.append(harbour.tick().look_again.total_seconds())
    assert waits == [0.1, 0.25, 2.5, 5.0]
