"""`fairway status`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from fairway.cli.exits import Exit
from fairway.cli.options import Duration, common, make_context, name_argument, output
from fairway.cli.output import as_data, details, print_data, step_words
from fairway.cli.wait import follow
from fairway.cli.where import Where


@click.command(
    epilog="""\b
Examples:
  fairway status fraud
  fairway status fraud -w --timeout 30m    # ends with the rollout; the exit code is its verdict
"""
)
@name_argument
@click.option("-w", "--watch", is_flag=True, help="Follow the revision until it is live or sent back.")
@click.option("--timeout", type=Duration(), help="With -w: end with 5 after this long: 90s, 30m, 1h30m.")
@click.option("--revision", default=None, help="With -w: follow this revision and not the newest.")
@click.option("--exit-on-pause", is_flag=True, help="With -w: end with 6 or 10 when the rollout is held.")
@output("json", "yaml")
@common
def status(
    name: str,
    watch: bool,
    timeout: float | None,
    revision: str | None,
    exit_on_pause: bool,
    output: str | None,
    where: Where,
) -> int:
    """Say what serves, what is being rolled out, and why."""
    if not watch and (timeout is not None or revision is not None or exit_on_pause):
        raise click.UsageError("--timeout, --revision and --exit-on-pause go with -w")
    context = make_context(where)
    ref = context.ref(name)
    md = context.target.get(ref)
    if watch:
        context.target.require_running()
        return follow(
            context, ref, timeout=timeout, exit_on_pause=exit_on_pause, revision=revision, form=output
        )
    if output:
        print_data(as_data(md)["status"], output)
        return Exit.OK
    context.out.print(details(md, datetime.now(UTC)))  # noqa: TID251  a person's clock
    if words := step_words(md):
        context.out.print(f"  {words}")
    return Exit.OK
