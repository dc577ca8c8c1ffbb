"""Which target a command acts on: the local Fairway of a folder, or a cluster.

A cluster is named by `--kubeconfig`, `--context` or by calling `kubectl fairway`; a local Fairway by
`--state-dir`. When neither is, a local Fairway that runs is meant, else the cluster of the kubeconfig, if
there is one: who has just said `fairway local up` means that, and a CI job has no such thing.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from fairway.cli.target import LocalTarget, Target

PLUGIN = "kubectl-fairway"


@dataclass(frozen=True, slots=True)
class Where:
    """What the user said about where."""

    state_dir: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None


def open_target(where: Where) -> Target:
    """The target that is meant.

    Raises:
        click.UsageError: both a folder and a cluster are named.
        click.ClickException: the cluster's configuration cannot be read.
    """
    named = where.kubeconfig is not None or where.context is not None
    if named and where.state_dir is not None:
        raise click.UsageError("--state-dir names a local Fairway, --kubeconfig and --context a cluster")
    local = LocalTarget(where.state_dir)
    if where.state_dir is not None or (not named and not _called_as_plugin() and local.is_running()):
        return local
    file = where.kubeconfig or _usual_kubeconfig()
    if file is None and not named and not _called_as_plugin():
        return local
    try:
        from fairway.cli.cluster import open_cluster  # noqa: PLC0415  lightkube is not for every laptop
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install 'fairway[cluster]'") from error
    return open_cluster(file, where.context)


def _called_as_plugin() -> bool:
    return Path(sys.argv[0]).name.startswith(PLUGIN)


def _usual_kubeconfig() -> Path | None:
    """The first file of $KUBECONFIG, or kubectl's own; None when there is none."""
    said = os.environ.get("KUBECONFIG")
    file = Path(said.split(os.pathsep)[0]) if said else Path.home() / ".kube/config"
    return file if file.is_file() else None
