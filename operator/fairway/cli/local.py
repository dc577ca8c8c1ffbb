"""`fairway local`: the same resource without a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairway.api.errors import ManifestError
from fairway.cli import manifests
from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, name_argument
from fairway.cli.target import NotRunning, wait_for
from fairway.cli.view import View, set_up_logging
from fairway.local.lock import is_up, pid_of
from fairway.local.paths import LocalPaths, default_state_dir
from fairway.local.ports import FIRST_PORT

if TYPE_CHECKING:
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
@click.option("--port", default=FIRST_PORT, show_default=True, help="First port to give to a model.")
@common
def up(files: tuple[Path, ...], port: int, namespace: str, state_dir: Path | None) -> int:
    """Serve in the foreground, with a live view, until Ctrl-C; then leave nothing running."""
    # Only this command needs gRPC and the rest of local mode; the others start three times as fast without.
    from fairway.local.app import LocalApp  # noqa: PLC0415

    if files:
        manifests.read(files)
    paths = LocalPaths(state_dir or default_state_dir())
    paths.make()
    context = make_context(paths.state, namespace)
    set_up_logging(paths.log)
    view = View(context)
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
    view.say("stopping: requests that are under way may finish")
    app.stop()


@local.command(epilog="\b\nExample:\n  fairway local down")
@common
def down(namespace: str, state_dir: Path | None) -> int:
    """End the running `fairway local up` and everything it started."""
    context = make_context(state_dir, namespace)
    paths = LocalPaths(state_dir or default_state_dir())
    if not is_up(paths.lock):
        context.err.print(f"no fairway runs on {paths.state}")
        return Exit.OK
    os.kill(pid_of(paths.lock), signal.SIGTERM)
    if wait_for(lambda: None if is_up(paths.lock) else True, 60) is None:
        context.err.print("it has not ended yet; it may be finishing long requests")
        return Exit.TIMEOUT
    context.out.print("down")
    return Exit.OK


@local.command(epilog="\b\nExample:\n  fairway local logs fraud --candidate")
@name_argument
@click.option("--candidate", is_flag=True, help="Of the candidate's server and not of stable's.")
@click.option("--follow", is_flag=True, help="Go on printing what is added.")
@common
def logs(name: str, candidate: bool, follow: bool, namespace: str, state_dir: Path | None) -> int:
    """Print the output of a model's server."""
    context = make_context(state_dir, namespace)
    paths = LocalPaths(state_dir or default_state_dir())
    if not is_up(paths.lock):
        raise NotRunning(paths.state)
    status = context.target.get(context.ref(name)).status
    revision = status.candidate if candidate or status.stable is None else status.stable
    if revision is None:
        raise click.ClickException(f"{name} has no {'candidate' if candidate else 'server'} right now")
    file = paths.server_log(revision)
    if not file.exists():
        raise click.ClickException(f"{revision} has not written anything yet")
    with file.open("r", encoding="utf-8", errors="replace") as reader:
        while True:
            click.echo(reader.read(), nl=False)
            if not follow:
                return Exit.OK
            time.sleep(0.2)
