"""A hold lasts no longer than its reason."""

from __future__ import annotations

from datetime import timedelta

from harbour import rolling

STEPS = [{"weight": 10, "minDuration": "10s", "maxDuration": "60s"}]


def test_goes_on_when_a_step_that_could_not_be_counted_is_counted_after_all() -> None:
    """Routers that came and went for longer than maxDuration are no reason to wait for a person."""
    harbour = rolling("Canary", rollout={"steps": STEPS, "analysis": {"interval": "5s"}})
    harbour.traffic.rps = 0.2
    for restart in range(30):
        harbour.source = f"router-{restart}"
        harbour.step()
    assert harbour.status.phase == "Paused"
    assert "not one interval" in harbour.status.message
    harbour.run_to("Stable", limit=timedelta(hours=1))
    assert harbour.letter(harbour.status.stable) == "b"


def test_stays_held_while_the_spec_asks_for_a_person() -> None:
    analysis = {"interval": "5s", "onInconclusive": "Hold"}
    harbour = rolling("Canary", rollout={"steps": STEPS, "analysis": analysis})
    harbour.traffic.rps = 0.2
    harbour.run_to("Paused")
    harbour.run(timedelta(minutes=5))
    assert harbour.status.phase == "Paused"
