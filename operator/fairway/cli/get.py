"""`fairway get`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, output
from fairway.cli.output import as_data, print_data, table
from fairway.cli.where import Where


@click.command(
    epilog="""\b
Examples:
  fairway get
  fairway get fraud -o yaml
"""
)
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@output("json", "yaml", "wide")
@common
def get(name: str | None, all_namespaces: bool, output: str | None, where: Where) -> int:
    """List models, or print one."""
    context = make_context(where)
    if name is not None:
        found = [context.target.get(context.ref(name))]
    else:
        found = context.target.list(None if all_namespaces else context.namespace)
    if output in {"json", "yaml"}:
        items = [as_data(md) for md in found]
        print_data(items[0] if name else {"apiVersion": "v1", "kind": "List", "items": items}, output or "")
        return Exit.OK
    if not found:
        place = "anywhere" if all_namespaces else f"in namespace {context.namespace}"
        context.err.print(f"there is no ModelDeployment {place}; make one with: fairway apply -f model.yaml")
        return Exit.OK
    now = datetime.now(UTC)  # noqa: TID251  a person's clock
    context.out.print(table(found, now, wide=output == "wide", namespaces=all_namespaces and name is None))
    return Exit.OK
