"""`fairway crd`."""

from __future__ import annotations

import click
import yaml

from fairway.api.crd import crd as make_crd
from fairway.cli.exits import Exit


@click.command(epilog="\b\nExample:\n  fairway crd | kubectl apply --server-side -f -")
def crd() -> int:
    """Print the CustomResourceDefinition of ModelDeployment."""
    click.echo(yaml.safe_dump(make_crd(), sort_keys=False, width=110), nl=False)
    return Exit.OK
