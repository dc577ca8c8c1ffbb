"""Which revision the spec asks for, and which ones are remembered.

A revision is named by what changes the answers or the servers: content, format, public name, engine with its
settings, server image. How it is rolled out, routed, scaled and watched is outside: changing that never makes
a new revision.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fairway.api.base import ApiModel
from fairway.api.spec import ModelSource
from fairway.api.status import MAX_REVISIONS, Revision, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core import names
from fairway.core.model import Capabilities

MAX_CHARACTERS = 8192
"""Of all remembered revisions together, as JSON, while some of them have no role."""


def wanted_revision(
    md: ModelDeployment, status: Status, caps: Capabilities, now: datetime
) -> Revision | None:
    """The revision that the spec stands for; None while its content is unknown, or nothing here can serve it.

    A newer server image alone makes no new revision: as long as a remembered revision differs in nothing
    else, that one is meant. Taking a newer image is a rollout that somebody asks for.
    """
    if status.artifact is None or status.artifact.uri != md.spec.model.uri:
        return None
    inputs = {
        "sha256": status.artifact.sha256,
        "format": md.spec.model.format.value,
        "publicName": md.public_name,
        "engine": _said(md.spec.engine),
        **_access(md.spec.model),
        **_said(md.spec.pod),
    }
    serving = status.revision(status.candidate) or status.revision(status.stable)
    known = (serving.runtime,) if serving else ()
    newest = runtime_for_new(md, caps)
    offered = (newest,) if newest is not None else ()
    for runtime in dict.fromkeys((*known, *(r.runtime for r in status.revisions), *offered)):
        remembered = status.revision(names.revision_name(md.metadata.name, {**inputs, "runtime": runtime}))
        if remembered is not None:
            return remembered
    if newest is None:
        return None
    return Revision(
        name=names.revision_name(md.metadata.name, {**inputs, "runtime": newest}),
        uri=md.spec.model.uri,
        sha256=status.artifact.sha256,
        format=md.spec.model.format,
        public_name=md.public_name,
        engine=md.spec.engine,
        runtime=newest,
        secret_ref=md.spec.model.secret_ref,
        service_account_name=md.spec.model.service_account_name,
        pod=md.spec.pod,
        created_at=now,
    )


def runtime_for_new(md: ModelDeployment, caps: Capabilities) -> str | None:
    """The server image of a revision that is made now; None where there is none that uses GPUs."""
    runtimes = caps.runtimes if md.spec.gpu is None else caps.gpu_runtimes
    return runtimes.get(md.spec.engine.type)


def remember(status: Status, revision: Revision) -> tuple[Revision, ...]:
    """The remembered revisions with this one. Those with a role stay, refused ones while there is room."""
    known = [r for r in status.revisions if r.name != revision.name]
    roles = {status.stable, status.candidate, status.previous}
    while len(known) >= MAX_REVISIONS or _characters((*known, revision)) > MAX_CHARACTERS:
        spare = [r for r in known if r.name not in roles]
        if not spare:
            break
        known.remove(next((r for r in spare if r.name not in status.rejected), spare[0]))
    return (*known, revision)


def _characters(revisions: tuple[Revision, ...]) -> int:
    return sum(len(r.model_dump_json(by_alias=True, exclude_defaults=True)) for r in revisions)


def was_sent_back(name: str | None) -> str:
    """Why a rejected revision is not tried again by itself, for a person."""
    return f"{name} was sent back before; `fairway retry` tries it again"


def _access(model: ModelSource) -> dict[str, Any]:
    """Whose credentials fetch the model: by name, never what they are."""
    return _said(model, only={"secret_ref", "service_account_name"})


def _said(part: ApiModel, only: set[str] | None = None) -> dict[str, Any]:
    """Only what differs from the defaults: a setting that a newer Fairway adds must not re-roll a fleet."""
    inputs: dict[str, Any] = part.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=only)
    return {name: value for name, value in inputs.items() if value != {}}
