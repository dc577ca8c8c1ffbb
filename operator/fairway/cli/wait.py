"""Waits for the end of a revision's rollout and tells of it on the way."""

from __future__ import annotations

import json
import time

import click

from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.cli.follow import End, at_timeout, end_of, revision_to_follow
from fairway.cli.options import Context
from fairway.cli.output import counts, weight_text
from fairway.driver.ports import Ref

GONE_SECONDS = 10.0
"""A Fairway that was killed may be started again: that much time it has."""
UNSEEN_SECONDS = 10.0
"""A Fairway that runs looks at a new spec within a second or two."""
OVERTAKEN = End(Exit.SUPERSEDED, "another spec was applied before Fairway looked at this one")


def follow(
    context: Context,
    ref: Ref,
    *,
    timeout: float | None,
    exit_on_pause: bool = False,
    revision: str | None = None,
    generation: int | None = None,
    form: str | None = None,
) -> Exit:
    """Watch until the revision has come to an end; what happens on the way goes to standard error.

    Args:
        context: where to look and where to print.
        ref: the model.
        timeout: seconds.
        exit_on_pause: whether a held rollout is an end.
        revision: what to follow; by default what the newest spec stands for.
        generation: of the spec whose revision is meant, when that must be the one that was just applied.
        form: `json` for one object at the end.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    shown: tuple[object, ...] = ()
    alive_at = began = time.monotonic()
    warned = False
    while True:
        md = context.target.get(ref)
        if revision is None and generation not in {None, md.metadata.generation}:
            _tell(context, md, None, OVERTAKEN, form)
            return OVERTAKEN.code
        revision = revision or revision_to_follow(md)
        if (line := _line(md)) != shown:
            shown = line
            context.err.print(" ".join(str(part) for part in line if part))
        unseen = md.status.observed_generation < md.metadata.generation
        if unseen and not warned and time.monotonic() - began > UNSEEN_SECONDS:
            warned = True
            context.err.print(
                f"{ref.name}: nobody has looked at this spec yet; {context.target.how_to_start}"
            )
        end = end_of(md, revision, exit_on_pause=exit_on_pause)
        if end is None and deadline is not None and time.monotonic() >= deadline:
            end = at_timeout(md)
        if end is not None:
            _tell(context, md, revision, end, form)
            return end.code
        if context.target.is_running():
            alive_at = time.monotonic()
        elif time.monotonic() - alive_at > GONE_SECONDS:
            raise click.ClickException("fairway runs no longer; the rollout goes on when it is up again")
        time.sleep(context.target.poll_seconds)


def _line(md: ModelDeployment) -> tuple[object, ...]:
    status = md.status
    return (f"{md.metadata.name}:", status.phase.value, weight_text(status), status.message)


def _tell(context: Context, md: ModelDeployment, revision: str | None, end: End, form: str | None) -> None:
    rollout = md.status.rollout
    known = rollout.evidence[0] if rollout and rollout.evidence and rollout.revision == revision else None
    if form == "json":
        data = {
            "name": md.metadata.name,
            "revision": revision,
            "exit": int(end.code),
            "result": end.code.name,
            "message": end.message,
            "evidence": [e.model_dump(mode="json", by_alias=True) for e in rollout.evidence]
            if rollout and rollout.revision == revision
            else [],
        }
        click.echo(json.dumps(data))
        return
    text = f"{md.metadata.name}: {end.code.name.lower().replace('_', ' ')}: {end.message}"
    if known is not None and counts(known) not in text:
        text += f" ({counts(known)})"
    (context.out if end.code is Exit.OK else context.err).print(text)
