"""`fairway undo`: the spec goes back to an earlier revision, so that whoever reads the spec sees it."""

from __future__ import annotations

import click

from fairway.api.pod import PodInputs
from fairway.api.status import Revision
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.cli.options import common, make_context, name_argument
from fairway.cli.where import Where


@click.command(
    epilog="""\b
Examples:
  fairway undo fraud      # from a running rollout to stable, else to the revision before
  fairway undo fraud --to-revision fraud-0180b9fdbf
"""
)
@name_argument
@click.option(
    "--to-revision", default=None, help="An earlier revision; `fairway get NAME -o yaml` lists them."
)
@common
def undo(name: str, to_revision: str | None, where: Where) -> int:
    """Go back to an earlier revision by changing the spec, its content pinned by digest."""
    context = make_context(where)
    md = context.target.get(context.ref(name))
    revision = find_revision(md, to_revision)
    stored, is_new = context.target.put(back_to(md, revision))
    if not is_new:
        context.err.print(f"{name}: the spec is at {revision.name} already")
        return Exit.OK
    context.out.print(f"{name}: spec set back to {revision.name} (generation {stored.metadata.generation})")
    return Exit.OK


def find_revision(md: ModelDeployment, asked: str | None) -> Revision:
    """The revision to go back to.

    Raises:
        click.UsageError: no revision of that name is remembered.
        click.ClickException: there is none, or it was sent back before.
    """
    status = md.status
    name = asked or (status.stable if status.candidate or status.wanted != status.stable else status.previous)
    if name is None:
        raise click.ClickException(f"{md.metadata.name} has no earlier revision to go back to")
    revision = status.revision(name)
    if revision is None:
        known = ", ".join(r.name for r in status.revisions)
        raise click.UsageError(f"{name} is not remembered (remembered are: {known})")
    if name in status.rejected:
        raise click.ClickException(
            f"{name} was sent back; apply its spec and `fairway retry` to try it again"
        )
    return revision


def back_to(md: ModelDeployment, revision: Revision) -> ModelDeployment:
    """The resource with its spec asking for exactly this revision."""
    model = md.spec.model.model_copy(
        update={
            "uri": revision.uri,
            "sha256": revision.sha256,
            "format": revision.format,
            "name": None if revision.public_name == md.metadata.name else revision.public_name,
            "secret_ref": revision.secret_ref,
            "service_account_name": revision.service_account_name,
        }
    )
    pod = {name: getattr(revision.pod, name) for name in PodInputs.model_fields}
    return md.model_copy(
        update={"spec": md.spec.model_copy(update={"model": model, "engine": revision.engine, **pod})}
    )
