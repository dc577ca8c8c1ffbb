"""What a person asks of a rollout: promote, abort, pause, resume, retry.

A request is an annotation on the resource; ids that were handled are remembered, so that each is done once.
A request that makes no sense now is refused with a sentence, never kept for later.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairway.api.status import MAX_HISTORY, HandledRequest, Phase, Status
from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.core.phases import WITH_CANDIDATE
from fairway.core.words import SHORT, cut


class Verb(StrEnum):
    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as its sender wrote it; `verb` is None when it is not one we know."""

    id: str
    verb: Verb | None
    revision: str | None
    by: str
    text: str


def pending(md: ModelDeployment) -> Request | None:
    """The request on the resource, if it was not handled before."""
    text = md.metadata.annotations.get(REQUEST_ANNOTATION)
    if not text:
        return None
    request = _parse(text)
    handled = {done.id for done in md.status.requests}
    return None if request.id in handled else request


def refusal(request: Request, status: Status, wanted: str | None) -> str | None:
    """Why the request cannot be done now; None when it can."""
    if request.verb is None:
        return f"not a request Fairway knows: {request.text[:200]}"
    if request.verb is Verb.RETRY:
        return _refusal_of_retry(request, status, wanted)
    if status.candidate is None or status.phase not in WITH_CANDIDATE:
        return f"no rollout is running (phase {status.phase})"
    if request.revision not in {None, status.candidate}:
        return f"the running rollout is of {status.candidate}, not of {request.revision}"
    return _refusal_in_phase(request.verb, status)


def record(status: Status, request: Request, refused: str | None) -> Status:
    """The status that remembers this request as handled."""
    verb = request.verb.value if request.verb else "unknown"
    message = refused or f"{verb} by {request.by}"
    done = HandledRequest(id=request.id, verb=verb, accepted=refused is None, message=cut(message, SHORT))
    return status.model_copy(update={"requests": (*status.requests, done)[-MAX_HISTORY:]})


def _refusal_of_retry(request: Request, status: Status, wanted: str | None) -> str | None:
    if request.revision not in {None, wanted}:
        return f"the spec asks for {wanted}, not for {request.revision}"
    return None if wanted in status.rejected else "nothing to retry: the wanted revision was not sent back"


def _refusal_in_phase(verb: Verb, status: Status) -> str | None:
    phase = status.phase
    if phase is Phase.ROLLING_BACK:
        return "the candidate is already on its way back"
    if verb is Verb.ABORT:
        return None if status.stable else "there is no stable revision to go back to"
    if verb in {Verb.PROMOTE, Verb.PROMOTE_FULL} and phase not in {Phase.CANARY, Phase.PAUSED}:
        return f"a candidate can be promoted while it takes traffic, not in phase {phase}"
    if verb is Verb.PAUSE and status.stable is None:
        return "a first revision goes live as soon as it is ready; there is nothing to pause"
    if verb is Verb.RESUME and not (status.rollout and status.rollout.pauses):
        return "the rollout is not paused"
    return None


def _parse(text: str) -> Request:
    fields = _fields(text)
    name = fields.get("verb")
    if name == "promote" and fields.get("full") is True:
        name = "promote-full"
    return Request(
        id=(_word(fields, "id") or hashlib.sha256(_clean(text).encode()).hexdigest()[:16])[:64],
        verb=Verb(name) if isinstance(name, str) and name in set(Verb) else None,
        revision=_word(fields, "revision"),
        by=(_word(fields, "by") or "somebody")[:64],
        text=_clean(text),
    )


def _fields(text: str) -> dict[str, Any]:
    """The members of a JSON object; none when it is anything else: an annotation may hold any text."""
    try:
        fields: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _word(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return _clean(str(value)) if isinstance(value, str | int) and value != "" else None


def _clean(text: str) -> str:
    """JSON can name half a character (a lone surrogate), which no status can store."""
    return text.encode(errors="replace").decode()
