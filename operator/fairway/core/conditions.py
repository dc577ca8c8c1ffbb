"""What the status tells a person and a tool, as ordered lists of small named checks.

`Ready`, `Reconciling` and `Stalled` follow kstatus, so that Helm, Flux and Argo CD read them right:
Ready means that what the spec asks for has all traffic; Stalled that only a change from outside helps, so it
is never true together with Reconciling. `Available` means that users are answered at all.
For each condition the first check that finds something speaks; the last one always does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairway.api.status import Condition, ConditionStatus, PauseReason, Phase, Status
from fairway.core.capacity import whole
from fairway.core.model import Health
from fairway.core.phases import WITH_CANDIDATE
from fairway.core.revisions import runtime_for_new, was_sent_back
from fairway.core.route import TOTAL_WEIGHT
from fairway.core.situation import Situation
from fairway.core.words import LONG, cut


@dataclass(frozen=True, slots=True)
class Finding:
    status: ConditionStatus
    reason: str
    message: str = ""


CONTENT_CHANGED = "ModelContentChanged"
NO_GPU_SERVER = "NoServerForGpus"
SHORT_OF_SERVERS = "TooFewServers"
Check = Callable[[Situation], Finding | None]


def _true(reason: str, message: str = "") -> Finding:
    return Finding(ConditionStatus.TRUE, reason, message)


def _false(reason: str, message: str = "") -> Finding:
    return Finding(ConditionStatus.FALSE, reason, message)


def make_conditions(s: Situation) -> tuple[Condition, ...]:
    """All conditions; a transition time moves only when its status does."""
    return tuple(_condition(s, kind, checks) for kind, checks in CHAINS.items())


def _condition(s: Situation, kind: str, checks: tuple[Check, ...]) -> Condition:
    finding = next(found for check in checks if (found := check(s)) is not None)
    before = s.status.condition(kind)
    same = before is not None and before.status is finding.status
    return Condition(
        type=kind,
        status=finding.status,
        reason=finding.reason,
        message=cut(finding.message, LONG),
        observed_generation=s.md.metadata.generation,
        last_transition_time=before.last_transition_time if before is not None and same else s.now,
    )


def artifact_problem(s: Situation) -> Finding | None:
    """Why what the spec asks for cannot be had, if so."""
    if s.wanted is not None or s.seen.artifact is None:
        return None
    pin, seen = s.md.spec.model.sha256, s.seen.artifact
    if seen.error is not None:
        return _true("ModelNotReadable", seen.error)
    if pin is not None and seen.sha256 is not None and pin != seen.sha256:
        return _true("ModelDigestMismatch", f"{seen.uri} has sha256 {seen.sha256}, the spec pins {pin}")
    return _no_gpu_server(s)


def _no_gpu_server(s: Situation) -> Finding | None:
    """A server that makes do with the CPU would be slow, and nobody would know why."""
    if s.md.spec.gpu is None or runtime_for_new(s.md, s.caps) is not None:
        return None
    return _true(
        NO_GPU_SERVER,
        f"spec.gpu asks for GPUs, and the operator has no image of the {s.md.spec.engine.type} server that "
        "uses them: have its administrator set FAIRWAY_SERVER_GPU_IMAGE, or remove spec.gpu",
    )


def _unresolved(s: Situation) -> Finding | None:
    """The content is being read so that it can be named."""
    seen = s.seen.artifact
    if s.wanted is not None or seen is None or seen.sha256 is not None or seen.error is not None:
        return None
    return _true("ResolvingModel", seen.waiting or "what lies behind spec.model.uri is being read")


def _content_changed_at_fetch(s: Situation) -> Finding | None:
    """Somebody replaced what a server fetches; nobody is given anything but what the revision was made of."""
    for name in (s.status.candidate, s.status.stable):
        if (health := s.seen.health(name)).content_changed:
            return _true(CONTENT_CHANGED, health.message)
    return None


def _content_changed_on_look(s: Situation) -> Finding | None:
    known, seen = s.status.artifact, s.seen.artifact
    if (
        known is None
        or seen is None
        or seen.sha256 is None
        or seen.uri != known.uri
        or seen.sha256 == known.sha256
    ):
        return None
    return _true(
        CONTENT_CHANGED,
        f"the content behind {known.uri} changed and is not served: give it a new uri, or pin "
        f"spec.model.sha256 to {seen.sha256}",
    )


def _route_rejected(s: Situation) -> Finding | None:
    return _true("RouteRejected", s.seen.route.rejected) if s.seen.route.rejected else None


def _sent_back(s: Situation) -> Finding | None:
    if s.status.phase not in {Phase.ROLLED_BACK, Phase.FAILED}:
        return None
    if s.wanted_name in s.status.rejected and not _is_last_rollout(s, s.wanted_name):
        return _true("Refused", was_sent_back(s.wanted_name))
    return _true(_outcome(s.status), _why_back(s.status))


def _first_failing(s: Situation) -> Finding | None:
    if s.status.stable is not None or s.candidate_health.health is not Health.FAILED:
        return None
    changed = s.candidate_health.content_changed
    return _true(CONTENT_CHANGED if changed else "ModelCannotBeServed", s.candidate_health.message)


def _is_last_rollout(s: Situation, revision: str | None) -> bool:
    return s.status.rollout is not None and s.status.rollout.revision == revision


def _outcome(status: Status) -> str:
    outcome = status.rollout.outcome if status.rollout else None
    return outcome.value if outcome else status.phase.value


def _why_back(status: Status) -> str:
    return status.rollout.message if status.rollout and status.rollout.message else status.message


def _stable_not_ready(s: Situation) -> Finding | None:
    health = s.seen.health(s.status.stable)
    if s.status.stable is None or health.ready:
        return None
    words = f"{s.status.stable} is {health.health.value}: {health.message or 'no word yet'}"
    return _true(health.reason or "StableNotReady", words)


def _too_few_servers(s: Situation) -> Finding | None:
    """Users are answered, by fewer than there should be; during a rollout stable is held to what it had."""
    health = s.seen.health(s.status.stable)
    wanted = whole(s.md, s.status)
    if not health.ready or health.answering is None or health.answering >= wanted:
        return None
    words = f"{health.answering} of {wanted} servers of {s.status.stable} answer"
    return _true(health.reason or SHORT_OF_SERVERS, f"{words}: {health.message}" if health.message else words)


def _filling_up(s: Situation) -> Finding | None:
    """What is missing comes by itself; not so where only a change from outside helps."""
    return None if _sent_back(s) else _too_few_servers(s)


def _candidate_in_trouble(s: Situation) -> Finding | None:
    """Something that somebody has to know of keeps the candidate's servers from answering."""
    health = s.candidate_health
    if s.status.candidate is None or s.status.phase is Phase.ROLLING_BACK or not health.reason:
        return None
    return _true(health.reason, f"{s.status.candidate}: {health.message}")


def _users_unanswered(s: Situation) -> Finding | None:
    """An old revision that is not ready harms nobody while the candidate has all traffic."""
    programmed, candidate = s.seen.route.programmed, s.status.candidate
    if (
        programmed
        and candidate
        and s.candidate_health.ready
        and programmed.weight_of(candidate) == TOTAL_WEIGHT
    ):
        return None
    return _stable_not_ready(s)


def _telemetry_lost(s: Situation) -> Finding | None:
    pauses = s.status.rollout.pauses if s.status.rollout and s.status.candidate else ()
    lost = next((p for p in pauses if p.reason is PauseReason.TELEMETRY_LOST), None)
    return _true("TelemetryLost", lost.message) if lost else None


def _serves_nothing(s: Situation) -> Finding | None:
    if s.status.stable is None:
        words = s.candidate_health.message or "the first revision is not ready yet"
        return _false(s.candidate_health.reason or "NoRevisionReady", words)
    return None


def _not_programmed(s: Situation) -> Finding | None:
    if s.seen.route.programmed is None:
        return _false("RouteNotProgrammed", "no router has acknowledged the route yet")
    return None


def _in_flight(s: Situation) -> Finding | None:
    if s.status.phase in WITH_CANDIDATE or s.status.phase is Phase.PENDING:
        return _true(s.status.phase.value, s.status.message)
    return None


def _negated(check: Check) -> Check:
    def negated(s: Situation) -> Finding | None:
        found = check(s)
        return _false(found.reason, found.message) if found else None

    return negated


def _paused(s: Situation) -> Finding | None:
    pauses = s.status.rollout.pauses if s.status.rollout and s.status.candidate else ()
    if not pauses:
        return None
    return _true(pauses[0].reason.value, "; ".join(p.message for p in pauses))


def _wanted_is_stable(s: Situation) -> Finding | None:
    if s.status.phase is not Phase.STABLE or s.wanted_name is None or s.wanted_name != s.status.stable:
        return None
    reason = _outcome(s.status) if _is_last_rollout(s, s.status.stable) else "Live"
    return _true(reason, f"{s.status.stable} has all traffic")


def _going_back(s: Situation) -> Finding | None:
    return _true(_outcome(s.status), _why_back(s.status)) if s.status.phase is Phase.ROLLING_BACK else None


def _always(finding: Finding) -> Check:
    return lambda _s: finding


NOT_YET = _false("NotYet", "what the spec asks for is not live")

CHAINS: Mapping[str, tuple[Check, ...]] = {
    "Ready": (
        _negated(artifact_problem),
        _negated(_route_rejected),
        _negated(_unresolved),
        _negated(_sent_back),
        _negated(_first_failing),
        _negated(_candidate_in_trouble),
        _negated(_in_flight),
        _negated(_stable_not_ready),
        _negated(_too_few_servers),
        _not_programmed,
        _wanted_is_stable,
        _always(NOT_YET),
    ),
    "Reconciling": (
        _negated(artifact_problem),
        _negated(_route_rejected),
        _unresolved,
        _negated(_first_failing),
        _candidate_in_trouble,
        _in_flight,
        _filling_up,
        _always(_false("Settled")),
    ),
    "Stalled": (
        artifact_problem,
        _route_rejected,
        _negated(_unresolved),
        _sent_back,
        _first_failing,
        _always(_false("NotStalled")),
    ),
    "Available": (
        _serves_nothing,
        _negated(_users_unanswered),
        _not_programmed,
        _always(_true("Serving", "users are answered")),
    ),
    "Progressing": (_paused, _candidate_in_trouble, _in_flight, _always(_false("NoRollout"))),
    "Paused": (_paused, _always(_false("NotPaused"))),
    "Promoted": (_wanted_is_stable, _always(NOT_YET)),
    "RolledBack": (_going_back, _sent_back, _always(_false("NotRolledBack"))),
    "Degraded": (
        _content_changed_at_fetch,
        _stable_not_ready,
        _too_few_servers,
        _candidate_in_trouble,
        _telemetry_lost,
        _route_rejected,
        _going_back,
        _sent_back,
        _content_changed_on_look,
        _always(_false("AsExpected")),
    ),
}
