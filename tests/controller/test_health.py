from __future__ import annotations

from dataclasses import replace

import pytest

from fairway.controller.health import Vitals, ills, lacks

WELL = Vitals(up=1000, resync_age=20, resync_period=60, watch_debt=0, lag=0, lease_overdue=False)


def test_a_process_that_sees_and_may_act_is_well() -> None:
    assert ills(WELL) == []


@pytest.mark.parametrize(
    ("vitals", "word"),
    [
        (replace(WELL, resync_age=181), "listed"),
        (replace(WELL, resync_age=None, up=181), "listed"),
        (replace(WELL, watch_debt=181), "silent"),
        (replace(WELL, lag=5.1), "late"),
        (replace(WELL, lease_overdue=True), "lease"),
    ],
    ids=["blind", "blind from the start", "deaf", "slow", "holds a lease it does not renew"],
)
def test_a_process_that_is_blind_deaf_or_stuck_is_ended(vitals: Vitals, word: str) -> None:
    """Never the default probe: a process whose watches are dead answers that one forever."""
    assert word in " ".join(ills(vitals))


def test_a_process_that_just_began_has_time() -> None:
    assert ills(replace(WELL, resync_age=None, up=30)) == []


def test_a_process_is_ready_once_it_has_seen_everything_and_nothing_is_refused() -> None:
    assert lacks(WELL) == []
    assert lacks(replace(WELL, resync_age=None)) == ["nothing is listed yet"]
    assert lacks(replace(WELL, troubles=("", "no such namespace"))) == ["no such namespace"]
