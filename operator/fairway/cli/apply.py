"""`fairway apply` and `fairway delete`."""

from __future__ import annotations

from pathlib import Path

import click

from fairway.cli import manifests
from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, name_argument, output
from fairway.cli.wait import follow
from fairway.driver.ports import Ref


@click.command(
    epilog="""\b
Examples:
  fairway apply -f model.yaml
  fairway apply -f model.yaml --wait --timeout 30m    # 0 live, 3 rolled back, 4 never ready, 5 timeout
"""
)
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Manifest, folder of manifests, or - for standard input. May be given several times.",
)
@click.option("--wait", is_flag=True, help="Wait until the revision is live or sent back; see the exit code.")
@click.option("--timeout", default="1h", show_default=True, help="How long --wait waits.")
@click.option("--exit-on-pause", is_flag=True, help="With --wait: end with 6 or 10 when the rollout is held.")
@output("json")
@common
def apply(
    files: tuple[Path, ...],
    wait: bool,
    timeout: str,
    exit_on_pause: bool,
    output: str | None,
    namespace: str,
    state_dir: Path | None,
) -> int:
    """Say what is wanted. Every change goes live as a rollout."""
    context = make_context(state_dir, namespace)
    deployments = manifests.read(files, namespace)
    if wait:
        context.target.require_running()
    applied: list[Ref] = []
    for md in deployments:
        stored, is_new = context.target.put(md)
        ref = Ref(stored.metadata.namespace, stored.metadata.name)
        applied.append(ref)
        words = "applied" if is_new else "unchanged"
        context.err.print(f"modeldeployment/{ref.name} {words} (generation {stored.metadata.generation})")
    if not wait:
        return Exit.OK
    codes = [
        follow(context, ref, timeout=timeout, exit_on_pause=exit_on_pause, form=output) for ref in applied
    ]
    return next((code for code in codes if code is not Exit.OK), Exit.OK)


@click.command(
    epilog="""\b
Example:
  fairway delete fraud
"""
)
@name_argument
@common
def delete(name: str, namespace: str, state_dir: Path | None) -> int:
    """Stop serving a model and forget it."""
    context = make_context(state_dir, namespace)
    ref = context.ref(name)
    context.target.get(ref)
    context.target.delete(ref)
    context.err.print(f"modeldeployment/{name} deleted")
    return Exit.OK
