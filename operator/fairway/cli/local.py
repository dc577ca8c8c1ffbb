"""`fairway local`: the same resource without a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairway.api.errors import ManifestError
from fairway.cli import manifests
from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, name_argument, state_option
from fairway.cli.target import wait_for
from fairway.cli.where import Where
from fairway.local.lock import is_up, pid_of
from fairway.local.paths import LocalPaths
from fairway.local.ports import FIRST_PORT

if TYPE_CHECKING:
    from fairway.cli.view import View
    from fairway.local.app import LocalApp

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.group(
    epilog="""\b
Examples:
  fairway local up -f model.yaml
  fairway local logs fraud
  fairway local down
"""
)
def local() -> None:
    """Serve models on this machine: real processes behind a real Envoy."""


@local.command(
    epilog="""\b
Examples:
  fairway local up -f model.yaml
  fairway local up -f models/ --port 9000     # a folder of manifests; the first model gets port 9000
  fairway local up                            # what was served here before
"""
)
@click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Manifest or folder of manifests; applied again whenever it changes.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=FIRST_PORT,
    show_default=True,
    help="First port to give to a model; it keeps its port ever after.",
)
@state_option
def up(files: tuple[Path, ...], port: int, state_dir: Path | None) -> int:
    """Serve in the foreground, with a live view, until Ctrl-C; then leave nothing running."""
    try:
        # Only this command needs the rest of local mode; the others start three times as fast without.
        from fairway.cli.view import View, set_up_logging  # noqa: PLC0415
        from fairway.local.app import LocalApp  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'fairway[local]'") from error

    if files:
        manifests.read(files)
    paths = LocalPaths.at(state_dir)
    paths.make()
    set_up_logging(paths.log)
    view = View(make_context(Where(state_dir=paths.state)))
    try:
        asyncio.run(_serve(LocalApp(paths, files, port, view.notice), view))
    except ManifestError as error:
        raise manifests.BadManifest(str(error)) from error
    return Exit.OK


async def _serve(app: LocalApp, view: View) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, app, view)
    drawing = asyncio.create_task(view.run(app))
    try:
        await app.run()
    finally:
        drawing.cancel()
        with suppress(asyncio.CancelledError):
            await drawing


def _stop(app: LocalApp, view: View) -> None:
    app.stop()
    view.say("stopping: requests that are under way may finish; once more ends them")


@local.command(epilog="\b\nExample:\n  fairway local down")
@click.option("--now", is_flag=True, help="Do not let requests finish.")
@state_option
def down(now: bool, state_dir: Path | None) -> int:
    """End the running `fairway local up` and everything it started."""
    paths = LocalPaths.at(state_dir)
    pid = wait_for(lambda: pid_of(paths.lock), 2) if is_up(paths.lock) else None
    if pid is None:
        click.echo(f"no fairway runs on {paths.state}", err=True)
        return Exit.OK
    for _ in range(2 if now else 1):
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)  # two signals at once would be one
    if wait_for(lambda: None if is_up(paths.lock) else True, 60) is None:
        click.echo(
            f"process {pid} has not ended yet; requests may take long: `fairway local down --now` ends them",
            err=True,
        )
        return Exit.TIMEOUT
    click.echo("down")
    return Exit.OK


@local.command(epilog="\b\nExample:\n  fairway local logs fraud --candidate")
@name_argument
@click.option("--candidate", is_flag=True, help="Of the newest rollout's server and not of stable's.")
@click.option("--follow", is_flag=True, help="Go on printing what is added.")
@common
def logs(name: str, candidate: bool, follow: bool, where: Where) -> int:
    """Print the output of a model's server; of one that is gone, what it last wrote."""
    context = make_context(replace(where, state_dir=LocalPaths.at(where.state_dir).state))
    paths = LocalPaths.at(where.state_dir)
    status = context.target.get(context.ref(name)).status
    newest = status.candidate or (status.rollout.revision if status.rollout else None)
    revision = newest if candidate or status.stable is None else status.stable
    if revision is None:
        raise click.ClickException(f"{name} has had no server yet; `fairway status {name}` says why")
    file = paths.server_log(revision)
    if not file.exists():
        raise click.ClickException(f"{revision} has not written anything yet")
    with file.open("r", encoding="utf-8", errors="replace") as reader:
        while True:
            click.echo(reader.read(), nl=False)
            if not follow:
                return Exit.OK
            time.sleep(0.2)
