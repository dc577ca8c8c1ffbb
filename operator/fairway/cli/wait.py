"""Waits for the end of a revision's rollout and tells of it on the way."""

from __future__ import annotations

import json
import time

import click

from fairway.api.scalars import parse_duration
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.cli.follow import End, at_timeout, end_of, revision_to_follow
from fairway.cli.options import Context
from fairway.cli.output import counts, weight_text
from fairway.cli.target import POLL_SECONDS
from fairway.driver.ports import Ref


def follow(
    context: Context,
    ref: Ref,
    *,
    timeout: str | None,
    exit_on_pause: bool = False,
    revision: str | None = None,
    form: str | None = None,
) -> Exit:
    """Watch until the revision has come to an end; what happens on the way goes to standard error."""
    deadline = None if timeout is None else time.monotonic() + seconds(timeout)
    shown: tuple[object, ...] = ()
    while True:
        md = context.target.get(ref)
        revision = revision or revision_to_follow(md)
        if (line := _line(md)) != shown:
            shown = line
            context.err.print(" ".join(str(part) for part in line if part))
        end = end_of(md, revision, exit_on_pause=exit_on_pause)
        if end is None and deadline is not None and time.monotonic() >= deadline:
            end = at_timeout(md)
        if end is not None:
            _tell(context, md, revision, end, form)
            return end.code
        time.sleep(POLL_SECONDS)


def seconds(text: str) -> float:
    """A duration option.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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
            if rollout
            else [],
        }
        click.echo(json.dumps(data))
        return
    text = f"{md.metadata.name}: {end.code.name.lower().replace('_', ' ')}: {end.message}"
    if known is not None and counts(known) not in text:
        text += f" ({counts(known)})"
    (context.out if end.code is Exit.OK else context.err).print(text)
