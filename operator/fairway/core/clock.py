"""Time as a value. A clock that was set back costs waiting time, never a wrong decision."""

from __future__ import annotations

from datetime import datetime, timedelta

from fairway.api.status import Phase, Status

ZERO = timedelta(0)


def elapsed(since: datetime | None, now: datetime) -> timedelta:
    """Time since then; zero when then is unset or lies in the future."""
    return max(ZERO, now - since) if since is not None else ZERO


def reanchor(status: Status, now: datetime) -> Status:
    """Move remembered times that lie in the future to now: whatever they time starts again."""
    changes: dict[str, object] = {}
    if status.phase_since is not None and status.phase_since > now:
        changes["phase_since"] = now
    rollout = status.rollout
    if rollout is not None:
        step, baseline = rollout.step, rollout.baseline
        moved: dict[str, object] = {}
        if step is not None and step.started_at is not None and step.started_at > now:
            moved["step"] = step.model_copy(update={"started_at": now})
        if baseline is not None and baseline.at > now:
            moved["baseline"] = None
        for name in ("telemetry_lost_since", "unready_since"):
            if (then := getattr(rollout, name)) is not None and then > now:
                moved[name] = now
        if moved:
            changes["rollout"] = rollout.model_copy(update=moved)
    return status.model_copy(update=changes) if changes else status


def not_counting(status: Status, duration: timedelta) -> Status:
    """The status with the step or the bake begun that much later.

    For time in which nobody could watch: neither a step nor a bake passes by it.
    """
    changes: dict[str, object] = {}
    if status.phase is Phase.BAKING and status.phase_since is not None:
        changes["phase_since"] = status.phase_since + duration
    rollout = status.rollout
    if rollout is not None and rollout.step is not None and rollout.step.started_at is not None:
        step = rollout.step.model_copy(update={"started_at": rollout.step.started_at + duration})
        changes["rollout"] = rollout.model_copy(update={"step": step})
    return status.model_copy(update=changes) if changes else status
