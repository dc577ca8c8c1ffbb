"""The verbs that ask a running rollout for something. Fairway answers; a refusal is an error."""

from __future__ import annotations

import click

from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, name_argument
from fairway.cli.where import Where

_revision = click.option("--revision", default=None, help="Only if this is the candidate.")


def _ask(name: str, verb: str, revision: str | None, where: Where) -> int:
    context = make_context(where)
    context.target.get(context.ref(name))
    context.target.require_running()
    answer = context.target.request(context.ref(name), verb, revision)
    if answer is None:
        context.err.print(f"{name}: nobody answered; `fairway status {name}` shows whether it was done")
        return Exit.TIMEOUT
    if not answer.accepted:
        context.err.print(f"{name}: refused: {answer.message}")
        return Exit.ERROR
    context.out.print(f"{name}: {answer.message}")
    return Exit.OK


@click.command(epilog="\b\nExamples:\n  fairway promote fraud\n  fairway promote fraud --full")
@name_argument
@click.option("--full", is_flag=True, help="Skip all steps and take all traffic.")
@_revision
@common
def promote(name: str, full: bool, revision: str | None, where: Where) -> int:
    """Go to the next step now, without waiting for evidence."""
    return _ask(name, "promote-full" if full else "promote", revision, where)


@click.command(epilog="\b\nExample:\n  fairway abort fraud")
@name_argument
@_revision
@common
def abort(name: str, revision: str | None, where: Where) -> int:
    """Send the candidate back. Wins over everything else."""
    return _ask(name, "abort", revision, where)


@click.command(epilog="\b\nExample:\n  fairway pause fraud")
@name_argument
@_revision
@common
def pause(name: str, revision: str | None, where: Where) -> int:
    """Hold the rollout at its weight. Guardrails keep running: a bad candidate is still sent back."""
    return _ask(name, "pause", revision, where)


@click.command(epilog="\b\nExample:\n  fairway resume fraud")
@name_argument
@_revision
@common
def resume(name: str, revision: str | None, where: Where) -> int:
    """Let a paused rollout go on; a step that ended without a verdict is watched once more."""
    return _ask(name, "resume", revision, where)


@click.command(epilog="\b\nExample:\n  fairway retry fraud")
@name_argument
@common
def retry(name: str, where: Where) -> int:
    """Try a revision again that was sent back, with fresh evidence."""
    return _ask(name, "retry", None, where)
