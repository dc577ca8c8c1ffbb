"""The whole decision, as a table of contents. Pure: same inputs, same decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from fairway.api.status import Artifact, Phase, RolloutStatus, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import analysis, pauses, requests
from fairway.core.advance import advance
from fairway.core.capacity import has_enough, plan
from fairway.core.clock import elapsed, reanchor
from fairway.core.conditions import make_conditions
from fairway.core.detect import UNREADY_GRACE, detect
from fairway.core.model import Capabilities, Decision, Notice, Observed, Role, Severity, Source, Workload
from fairway.core.phases import Event
from fairway.core.requests import Verb
from fairway.core.revisions import wanted_revision
from fairway.core.route import TOTAL_WEIGHT, Route
from fairway.core.situation import Situation
from fairway.core.traffic import make_route

RESYNC = timedelta(seconds=30)
MIN_ROUTE_WAIT = timedelta(milliseconds=100)
MAX_ROUTE_WAIT = timedelta(seconds=5)
_ALARMING = frozenset({Event.REGRESSION, Event.CANDIDATE_LOST, Event.NEVER_READY, Event.GAVE_UP, Event.HELD})


def reconcile(md: ModelDeployment, seen: Observed, caps: Capabilities, now: datetime) -> Decision:
    """What should be, given what is asked, remembered and seen.

    Takes at most one transition; the decision asks to be looked at again at once after one.
    """
    status = reanchor(md.status, now)
    status = _resolve_artifact(md, status, seen)
    status = _assign_port(status, seen)
    wanted = wanted_revision(md, status, caps, now)
    status, verb, notices = _take_request(md, status, wanted.name if wanted else None)
    status = _track_readiness(md, status, seen, now)
    status = _track_draining(status, seen, now)
    status = analysis.weigh(md, status, seen, make_route(md, status, seen), now)
    status = pauses.settle(md, status, verb, now)
    situation = Situation(md, status, seen, caps, now, wanted, verb)
    happened = detect(situation)
    if happened is not None:
        event, message = happened
        status = advance(situation, event, message)
        notices = (*notices, _notice(event, message, status))
    return _decide(replace(situation, status=status), notices, moved=happened is not None)


def _decide(s: Situation, notices: tuple[Notice, ...], *, moved: bool) -> Decision:
    route = make_route(s.md, s.status, s.seen)
    status = _report(s, route)
    workloads = _workloads(s.md, status, s.seen)
    return Decision(
        status=status,
        workloads=workloads,
        route=route,
        keep=_keep(workloads, route, s.seen),
        look_again=timedelta(0)
        if moved
        else _look_again(s.md, status, s.now, in_force=s.seen.route.programmed == route),
        notices=notices,
        resolve=_to_resolve(s.md, status),
    )


def _to_resolve(md: ModelDeployment, status: Status) -> Source | None:
    return None if status.artifact is not None or md.spec.model.sha256 else Source.of(md.spec.model)


def _resolve_artifact(md: ModelDeployment, status: Status, seen: Observed) -> Status:
    """Fix the content behind the URI the first time it is read; a pin that changed makes it be read anew."""
    uri, pin = md.spec.model.uri, md.spec.model.sha256
    known, found = status.artifact, seen.artifact
    if known is not None and known.uri == uri and pin in {None, known.sha256}:
        return status
    if found is None or found.uri != uri or found.sha256 is None or pin not in {None, found.sha256}:
        return status.model_copy(update={"artifact": None}) if known is not None else status
    return status.model_copy(update={"artifact": Artifact(uri=uri, sha256=found.sha256)})


def _assign_port(status: Status, seen: Observed) -> Status:
    if status.port is not None or seen.free_port is None:
        return status
    return status.model_copy(update={"port": seen.free_port})


def _take_request(
    md: ModelDeployment, status: Status, wanted: str | None
) -> tuple[Status, Verb | None, tuple[Notice, ...]]:
    request = requests.pending(md)
    if request is None:
        return status, None, ()
    refused = requests.refusal(request, status, wanted)
    status = requests.record(status, request, refused)
    if refused is not None:
        return status, None, (Notice("RequestRefused", refused, Severity.WARNING),)
    if request.verb is Verb.RETRY:
        status = status.model_copy(update={"rejected": tuple(r for r in status.rejected if r != wanted)})
    return status, request.verb, (Notice("RequestAccepted", status.requests[-1].message),)


def _track_readiness(md: ModelDeployment, status: Status, seen: Observed, now: datetime) -> Status:
    """Remember since when the candidate is not ready, and since when it has too few servers."""
    rollout = status.rollout
    if rollout is None or status.candidate is None:
        return status
    unready = None if seen.health(status.candidate).ready else rollout.unready_since or now
    short = None if unready or has_enough(md, status, seen) else rollout.short_since or now
    if (unready, short) == (rollout.unready_since, rollout.short_since):
        return status
    changes = {"unready_since": unready, "short_since": short}
    return status.model_copy(update={"rollout": rollout.model_copy(update=changes)})


def _track_draining(status: Status, seen: Observed, now: datetime) -> Status:
    """Count the time for the last answers of what leaves from when the routers stopped sending it requests.

    The candidate leaves while it is sent back. Stable leaves in the bake, and has requests again whenever
    the candidate is not ready for a moment.
    """
    gone = {Phase.ROLLING_BACK: 0, Phase.BAKING: TOTAL_WEIGHT}.get(status.phase)
    rollout, programmed = status.rollout, seen.route.programmed
    if gone is None or rollout is None or programmed is None:
        return status
    if rollout.weight.programmed == gone or programmed.weight_of(rollout.revision) != gone:
        return status
    return status.model_copy(update={"phase_since": now})


def _report(s: Situation, route: Route | None) -> Status:
    """Lift what is observed into the status; none of it is intent."""
    status = s.status
    changes: dict[str, object] = {"observed_generation": s.md.metadata.generation, "wanted": s.wanted_name}
    if route is not None:
        changes["url"] = f"http://{s.caps.host}:{s.caps.port or route.port}"
    if status.rollout is not None:
        changes["rollout"] = _with_programmed_weight(status.rollout, s.seen)
    status = status.model_copy(update=changes)
    return status.model_copy(update={"conditions": make_conditions(replace(s, status=status))})


def _with_programmed_weight(rollout: RolloutStatus, seen: Observed) -> RolloutStatus:
    programmed = seen.route.programmed.weight_of(rollout.revision) if seen.route.programmed else None
    if programmed == rollout.weight.programmed:
        return rollout
    return rollout.model_copy(update={"weight": rollout.weight.model_copy(update={"programmed": programmed})})


def _workloads(md: ModelDeployment, status: Status, seen: Observed) -> tuple[Workload, ...]:
    roles = ((status.candidate, Role.CANDIDATE), (status.stable, Role.STABLE))
    return tuple(
        Workload(
            namespace=md.metadata.namespace,
            model=md.metadata.name,
            revision=revision,
            role=role,
            request_timeout_seconds=md.spec.traffic.timeouts.request.total_seconds(),
            capacity=plan(md, status, seen, role),
        )
        for name, role in roles
        if (revision := status.revision(name)) is not None
    )


def _keep(workloads: tuple[Workload, ...], route: Route | None, seen: Observed) -> frozenset[str] | None:
    """What may not go yet: what is wanted, and what a router may still send requests to."""
    if route is not None and seen.route.programmed is None:
        return None
    routed = seen.route.programmed.backends if seen.route.programmed else ()
    busy = {name for name, count in (seen.active or {}).items() if count > 0}
    return frozenset({w.revision.name for w in workloads} | {b.revision for b in routed} | busy)


def _look_again(md: ModelDeployment, status: Status, now: datetime, *, in_force: bool) -> timedelta:
    """The earliest moment at which time alone could change the decision.

    Nobody tells when the routers have a new route: they are asked soon, and less often the longer it takes.
    """
    rollout = status.rollout
    waits = [RESYNC, analysis.next_sample_in(md, status, now)]
    if status.phase is Phase.PROVISIONING:
        waits.append(md.spec.rollout.progress_deadline - elapsed(status.phase_since, now))
    if status.phase is Phase.BAKING:
        waits.append(md.spec.rollout.bake.duration - elapsed(status.phase_since, now))
        waits.append(md.spec.traffic.timeouts.request - elapsed(status.phase_since, now))
    if status.phase is Phase.ROLLING_BACK:
        waits.append(timedelta(milliseconds=200))
    if rollout is not None and status.candidate is not None and rollout.unready_since is not None:
        waits.append(UNREADY_GRACE - elapsed(rollout.unready_since, now))
    if rollout is not None and status.candidate is not None and rollout.short_since is not None:
        waits.append(md.spec.rollout.progress_deadline - elapsed(rollout.short_since, now))
    if not in_force:
        decided = status.history[-1].at if status.history else None
        waits.append(min(MAX_ROUTE_WAIT, max(MIN_ROUTE_WAIT, elapsed(decided, now) / 4)))
    soon = timedelta(milliseconds=50)
    return max(soon, min((w for w in waits if w is not None and w > timedelta(0)), default=RESYNC))


def _notice(event: Event, message: str, status: Status) -> Notice:
    severity = Severity.WARNING if event in _ALARMING else Severity.NORMAL
    return Notice(event.value, f"{status.phase}: {message}", severity)
