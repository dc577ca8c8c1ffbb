"""`fairway render`: what would run and what Envoy would be told, without doing any of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import click

from fairway.adapters.artifacts import digest_of
from fairway.adapters.content import Unreadable
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli import manifests
from fairway.cli.exits import Exit
from fairway.cli.options import filename_option
from fairway.cli.output import print_data
from fairway.core.model import ArtifactState, Health, Observed, WorkloadHealth
from fairway.core.reconcile import reconcile
from fairway.local.capabilities import CAPABILITIES, HOST
from fairway.local.ports import FIRST_PORT
from fairway.render.process import process_of
from fairway.render.protocols import Place
from fairway.render.registry import ROUTERS


@click.command(epilog="\b\nExample:\n  fairway render -f model.yaml")
@filename_option
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def render(files: tuple[Path, ...], output: str) -> int:
    """Print the processes and the Envoy configuration that a first deployment would bring."""
    plans = [_plan(md) for md in manifests.read(files)]
    if output == "json":
        print_data({"items": plans}, output)
        return Exit.OK
    for number, plan in enumerate(plans):
        if number:
            click.echo("---")
        print_data(plan, output)
    return Exit.OK


def _plan(md: ModelDeployment) -> dict[str, Any]:
    """Decide as if the first revision had just become ready, and spell the decision out."""
    uri = md.spec.model.uri
    try:
        artifact = ArtifactState(uri, sha256=digest_of(uri))
    except (Unreadable, OSError) as error:
        raise click.ClickException(f"{md.metadata.name}: {error}") from error
    now = datetime.now(UTC)  # noqa: TID251  a person's clock
    seen = Observed(artifact=artifact, free_port=FIRST_PORT)
    decision = reconcile(md, seen, CAPABILITIES, now)
    ready = {workload.revision.name: WorkloadHealth(Health.READY) for workload in decision.workloads}
    md = md.model_copy(update={"status": decision.status})
    decision = reconcile(md, Observed(artifact=artifact, workloads=ready), CAPABILITIES, now)
    if decision.route is None:
        raise click.ClickException(f"{md.metadata.name}: nothing can be routed: {decision.status.message}")
    envoy = ROUTERS[md.spec.traffic.router.type].render(decision.route, HOST)
    run = PurePath("run")
    return {
        "revision": decision.status.stable,
        "processes": [
            {
                "name": workload.revision.name,
                "argv": list(
                    process_of(
                        workload,
                        Place(
                            model=PurePath("models") / workload.revision.sha256,
                            address=run / workload.revision.name / "address.json",
                            termination=run / workload.revision.name / "termination.json",
                            python="python",
                        ),
                    ).argv
                ),
            }
            for workload in decision.workloads
        ],
        "envoy": {
            "listener": envoy.listener,
            "routeConfig": envoy.route_config,
            "clusters": list(envoy.clusters),
        },
    }
