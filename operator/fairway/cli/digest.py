"""`fairway digest`: the pin of a model, computed where it was made."""

from __future__ import annotations

from pathlib import Path

import click

from fairway.adapters.content import Unreadable, files_of, read
from fairway.cli.exits import Exit


@click.command(epilog="\b\nExample:\n  fairway digest models/fraud-7")
@click.argument("path", type=click.Path(path_type=Path))
def digest(path: Path) -> int:
    """Print the sha256 that names the content of a file, an archive or a folder, for spec.model.sha256."""
    try:
        files_of(path)
        click.echo(read(path, None))
    except Unreadable as error:
        raise click.ClickException(str(error)) from error
    return Exit.OK
