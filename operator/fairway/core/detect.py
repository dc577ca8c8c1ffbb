"""What has happened: small named checks, asked in the order of `Event`, safety before progress.

Each check answers with a sentence for people when its event has happened, else with None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from fairway.api.status import GuardrailVerdict, PauseReason, Phase
from fairway.core import analysis, capacity, steps
from fairway.core.clock import elapsed
from fairway.core.conditions import artifact_problem
from fairway.core.model import Health
from fairway.core.phases import TRANSITIONS, Event
from fairway.core.requests import Verb
from fairway.core.revisions import was_sent_back
from fairway.core.route import TOTAL_WEIGHT
from fairway.core.situation import Situation

UNREADY_GRACE = timedelta(seconds=30)
MAX_RESTARTS = 3


def detect(s: Situation) -> tuple[Event, str] | None:
    """The first event that the phase listens to and that has happened, with its sentence."""
    listens = TRANSITIONS[s.status.phase]
    for event in Event:
        if event in listens and (message := CHECKS[event](s)) is not None:
            return event, message
    return None


def _aborted(s: Situation) -> str | None:
    return "aborted by a user" if s.verb is Verb.ABORT and s.status.stable else None


def _regression(s: Situation) -> str | None:
    if analysis.verdict_of(s.rollout) is not GuardrailVerdict.REGRESSION:
        return None
    known = analysis.evidence_of(s.rollout)
    if known.bake_failures:
        return f"failed {known.bake_failures} of {known.bake_requests} requests after it took all traffic"
    return (
        f"candidate failed {known.candidate_failures} of {known.candidate_requests} requests, "
        f"stable {known.stable_failures} of {known.stable_requests} in the same time"
    )


def _candidate_lost(s: Situation) -> str | None:
    health, rollout = s.candidate_health, s.rollout
    if health.health is Health.FAILED:
        return f"the candidate cannot go on: {health.message}"
    if health.restarts - rollout.restarts_at_start >= MAX_RESTARTS:
        deaths = health.restarts - rollout.restarts_at_start
        return f"the candidate's server died {deaths} times: {health.message}"
    if not health.ready and elapsed(rollout.unready_since, s.now) >= UNREADY_GRACE:
        return f"the candidate has not been ready for {UNREADY_GRACE.total_seconds():.0f} s: {health.message}"
    return _short_for_too_long(s)


def _short_for_too_long(s: Situation) -> str | None:
    """With all the traffic it answers as well as it can: going back is for what is worse than slow."""
    deadline, since = s.md.spec.rollout.progress_deadline, s.rollout.short_since
    if s.status.phase is Phase.BAKING or since is None or elapsed(since, s.now) < deadline:
        return None
    words = f"{_counted(s)} after {deadline.total_seconds():.0f} s"
    return f"{words}: {s.candidate_health.message}" if s.candidate_health.message else words


def _counted(s: Situation) -> str:
    return capacity.counted(s.md, s.status, s.seen)


def _gave_up(s: Situation) -> str | None:
    judgement = steps.judge(s.md, s.rollout, s.now)
    return judgement.message if judgement.give_up else None


def _reverted(s: Situation) -> str | None:
    if s.wanted_name is None or s.wanted_name != s.status.stable:
        return None
    return "the spec is back at the stable revision"


def _superseded(s: Situation) -> str | None:
    if s.status.phase is Phase.BAKING and analysis.verdict_of(s.rollout) is GuardrailVerdict.SAFE:
        return None  # it is good: it becomes the stable revision that the next is measured against
    if (problem := artifact_problem(s)) is not None:
        return f"the spec asks for something else, which cannot be had: {problem.message}"
    if s.wanted_name in {None, s.status.candidate, s.status.stable}:
        return None
    return f"the spec now asks for {s.wanted_name}"


def _never_ready(s: Situation) -> str | None:
    if s.status.stable is None:
        return None  # nothing to fall back on: keep trying
    if s.candidate_health.health is Health.FAILED:
        return s.candidate_health.message or "the server gave up"
    deadline = s.md.spec.rollout.progress_deadline
    if elapsed(s.status.phase_since, s.now) < deadline or capacity.has_enough(s.md, s.status, s.seen):
        return None
    words = s.candidate_health.message or (_counted(s) if s.candidate_health.ready else "no word from it")
    return f"not ready within {deadline.total_seconds():.0f} s: {words}"


def _refused(s: Situation) -> str | None:
    return was_sent_back(s.wanted_name) if s.wanted_name in s.status.rejected else None


def _drained(s: Situation, revision: str | None) -> bool:
    """Whether the revision has nothing left to answer: out of the split, and idle or past every deadline."""
    programmed = s.seen.route.programmed
    if programmed is not None and revision is not None and programmed.weight_of(revision) > 0:
        return False
    if s.seen.active is not None and s.seen.active.get(revision or "", 0) == 0:
        return True
    return elapsed(s.status.phase_since, s.now) >= s.md.spec.traffic.timeouts.request


def _cleared(s: Situation) -> bool:
    if s.status.stable is None:
        return True
    if s.seen.route.programmed is None:
        return s.status.port is None
    return _drained(s, s.status.candidate)


def _cleared_to_stable(s: Situation) -> str | None:
    back = s.status.stable is not None and s.wanted_name == s.status.stable
    return "the stable revision has all traffic" if back and _cleared(s) else None


def _cleared_to_nothing(s: Situation) -> str | None:
    nothing = s.status.stable is None and s.wanted_name is None
    return "nothing that the spec asks for can be served" if nothing else None


def _cleared_to_next(s: Situation) -> str | None:
    return s.wanted_name if _is_new(s) and _cleared(s) else None


def _cleared_rejected(s: Situation) -> str | None:
    return "the stable revision has all traffic" if _cleared(s) else None


def _held(s: Situation) -> str | None:
    if s.verb in {Verb.PROMOTE, Verb.PROMOTE_FULL}:
        return None  # a person has just decided what the hold would ask for
    return "; ".join(p.message for p in s.rollout.pauses) or None


def _is_new(s: Situation) -> bool:
    name = s.wanted_name
    return name is not None and name != s.status.stable and name not in s.status.rejected


def _new_revision(s: Situation) -> str | None:
    return f"the spec asks for {s.wanted_name}" if _is_new(s) else None


def _first_ready(s: Situation) -> str | None:
    return "the first revision is ready" if s.status.stable is None and s.candidate_health.ready else None


def _ready(s: Situation) -> str | None:
    enough = s.status.stable is not None and capacity.has_enough(s.md, s.status, s.seen)
    return "the candidate is ready" if enough else None


def _warmed(s: Situation) -> str | None:
    programmed = s.seen.route.programmed
    in_route = programmed is not None and any(b.revision == s.status.candidate for b in programmed.backends)
    held = bool(s.rollout.pauses)
    return "the routers know the candidate" if in_route and s.candidate_health.ready and not held else None


def _promote_full(s: Situation) -> str | None:
    last = steps.next_index(s.md, s.rollout.step) is None
    if s.verb is Verb.PROMOTE_FULL or (s.verb is Verb.PROMOTE and last):
        return "promoted by a user"
    return None


def _step_forced(s: Situation) -> str | None:
    return "the next step was asked for by a user" if s.verb is Verb.PROMOTE else None


def _released(s: Situation) -> str | None:
    return "nothing holds the rollout any more" if not s.rollout.pauses else None


def _passed(s: Situation, *, last: bool) -> str | None:
    judgement = steps.judge(s.md, s.rollout, s.now)
    is_last = steps.next_index(s.md, s.rollout.step) is None
    return f"{judgement.passed}: {judgement.message}" if judgement.passed and is_last is last else None


def _step_passed(s: Situation) -> str | None:
    return _passed(s, last=False)


def _last_step_passed(s: Situation) -> str | None:
    return _passed(s, last=True)


def _promoted(s: Situation) -> str | None:
    programmed = s.seen.route.programmed
    full = programmed is not None and programmed.weight_of(s.status.candidate or "") == TOTAL_WEIGHT
    return "the candidate has all traffic" if full else None


def _baked(s: Situation) -> str | None:
    if any(p.reason in {PauseReason.USER, PauseReason.TELEMETRY_LOST} for p in s.rollout.pauses):
        return None
    superseded = s.wanted_name not in {None, s.status.candidate, s.status.stable}
    proven = analysis.verdict_of(s.rollout) is GuardrailVerdict.SAFE
    over = elapsed(s.status.phase_since, s.now) >= s.md.spec.rollout.bake.duration
    if not (over or (superseded and proven)) or s.rollout.telemetry_lost_since is not None:
        return None
    return "baked" if s.candidate_health.ready and _drained(s, s.status.stable) else None


CHECKS: Mapping[Event, Callable[[Situation], str | None]] = {
    Event.ABORTED: _aborted,
    Event.REGRESSION: _regression,
    Event.CANDIDATE_LOST: _candidate_lost,
    Event.GAVE_UP: _gave_up,
    Event.REVERTED: _reverted,
    Event.SUPERSEDED: _superseded,
    Event.NEVER_READY: _never_ready,
    Event.REFUSED: _refused,
    Event.CLEARED_TO_STABLE: _cleared_to_stable,
    Event.CLEARED_TO_NOTHING: _cleared_to_nothing,
    Event.CLEARED_TO_NEXT: _cleared_to_next,
    Event.CLEARED_REJECTED: _cleared_rejected,
    Event.HELD: _held,
    Event.NEW_REVISION: _new_revision,
    Event.FIRST_READY: _first_ready,
    Event.READY: _ready,
    Event.WARMED: _warmed,
    Event.PROMOTE_FULL: _promote_full,
    Event.STEP_FORCED: _step_forced,
    Event.RELEASED: _released,
    Event.STEP_PASSED: _step_passed,
    Event.LAST_STEP_PASSED: _last_step_passed,
    Event.PROMOTED: _promoted,
    Event.BAKED: _baked,
}
