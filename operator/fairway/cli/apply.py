"""`fairway apply` and `fairway delete`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli import manifests
from fairway.cli.exits import Exit
from fairway.cli.options import (
    Context,
    Duration,
    common,
    filename_option,
    make_context,
    name_argument,
    output,
)
from fairway.cli.target import NotFound
from fairway.cli.wait import follow
from fairway.cli.where import Where
from fairway.driver.ports import Ref


@click.command(
    epilog="""\b
Examples:
  fairway apply -f model.yaml
  fairway apply -f model.yaml --wait --timeout 30m    # 0 live, 3 rolled back, 4 never ready, 5 timeout
"""
)
@filename_option
@click.option("--wait", is_flag=True, help="Wait until the revision is live or sent back; see the exit code.")
@click.option(
    "--timeout",
    type=Duration(),
    default="1h",
    show_default=True,
    help="How long --wait waits: 90s, 30m, 1h30m.",
)
@click.option("--exit-on-pause", is_flag=True, help="With --wait: end with 6 or 10 when the rollout is held.")
@output("json")
@common
def apply(
    files: tuple[Path, ...],
    wait: bool,
    timeout: float,
    exit_on_pause: bool,
    output: str | None,
    where: Where,
) -> int:
    """Say what is wanted. Every change goes live as a rollout.

    With -o json there is one object a line for each model.
    """
    context = make_context(where)
    deployments = manifests.read(files, where.namespace, context.target.default_namespace)
    if wait:
        context.target.require_running()
    applied = [_put(context, md, output if not wait else None) for md in deployments]
    if not wait:
        if not context.target.is_running():
            context.err.print(f"nothing runs yet that would act on it; {context.target.how_to_start}")
        return Exit.OK
    codes = [
        follow(
            context,
            Ref(md.metadata.namespace, md.metadata.name),
            timeout=timeout,
            exit_on_pause=exit_on_pause,
            generation=md.metadata.generation,
            form=output,
        )
        for md in applied
    ]
    return next((code for code in codes if code is not Exit.OK), Exit.OK)


def _put(context: Context, md: ModelDeployment, form: str | None) -> ModelDeployment:
    stored, is_new = context.target.put(md)
    name, generation = stored.metadata.name, stored.metadata.generation
    words = "applied" if is_new else "unchanged"
    context.err.print(f"modeldeployment/{name} {words} (generation {generation})")
    if is_new and (words := context.target.unheeded(md)):
        context.err.print(f"modeldeployment/{name}: {words}")
    if form == "json":
        click.echo(json.dumps({"name": name, "generation": generation, "changed": is_new}))
    return stored


@click.command(
    epilog="""\b
Example:
  fairway delete fraud
"""
)
@name_argument
@common
def delete(name: str, where: Where) -> int:
    """Stop serving a model and forget it."""
    context = make_context(where)
    ref = context.ref(name)
    if not context.target.delete(ref):
        raise NotFound(ref, context.target.refs())
    context.err.print(f"modeldeployment/{name} deleted")
    return Exit.OK
