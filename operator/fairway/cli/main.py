"""`fairway` and `kubectl fairway`: one command, its verbs one file each."""

from __future__ import annotations

import os
import sys

import click

from fairway.api.errors import FairwayError
from fairway.cli.apply import apply, delete
from fairway.cli.crd import crd
from fairway.cli.digest import digest
from fairway.cli.evidence import evidence
from fairway.cli.exits import Exit
from fairway.cli.get import get
from fairway.cli.local import local
from fairway.cli.render import render
from fairway.cli.status import status
from fairway.cli.undo import undo
from fairway.cli.verbs import abort, pause, promote, resume, retry


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Examples:
  fairway local up -f model.yaml      serve it here, without a cluster
  fairway apply -f model.yaml --wait  roll a change out and wait for the verdict
  fairway status fraud -w             watch a rollout
""",
)
@click.version_option(package_name="fairway")
def fairway() -> None:
    """Take a trained model safely into production: every change decided by evidence."""


for command in (
    apply,
    delete,
    get,
    status,
    evidence,
    promote,
    abort,
    pause,
    resume,
    retry,
    undo,
    render,
    digest,
    crd,
    local,
):
    fairway.add_command(command)


def main() -> None:
    """Run the command line; every error that Fairway raises on purpose is one clear text and an exit code."""
    try:
        code = fairway.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted; a rollout goes on without this command", err=True)
        code = Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except FairwayError as error:
        click.echo(f"Error: {error}", err=True)
        code = Exit.ERROR
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {what}{error.strerror or error}", err=True)
        code = Exit.ERROR
    except Exception as error:
        if os.environ.get("FAIRWAY_DEBUG"):
            raise
        click.echo(f"Error: {error!r}: this is a fault in Fairway; FAIRWAY_DEBUG=1 shows where", err=True)
        code = Exit.ERROR
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
