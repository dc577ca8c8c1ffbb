"""Options that many commands share, and what they hand to a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from fairway.api.scalars import parse_duration
from fairway.cli.target import Target
from fairway.cli.where import Where, open_target
from fairway.driver.ports import Ref

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Context:
    """What every command works with. Colours appear on a terminal only, and never with NO_COLOR."""

    target: Target
    namespace: str
    out: Console
    err: Console

    def ref(self, name: str) -> Ref:
        return Ref(self.namespace, name)


def make_context(where: Where) -> Context:
    target = open_target(where)
    return Context(
        target=target,
        namespace=where.namespace or target.default_namespace,
        out=Console(file=sys.stdout, soft_wrap=True, highlight=False),
        err=Console(file=sys.stderr, soft_wrap=True, highlight=False),
    )


state_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FAIRWAY_STATE_DIR",
    help="Folder of the local Fairway. [default: $XDG_STATE_HOME/fairway]",
)


_namespace = click.option(
    "-n", "--namespace", help="Namespace of the ModelDeployment. [default: the context's, or `default`]"
)
_kubeconfig = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Act on the cluster of this file. [default: $KUBECONFIG or ~/.kube/config]",
)
_context = click.option("--context", help="Act on the cluster of this context of the kubeconfig.")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the resources are: the command gets it as `where`."""

    @wraps(command)
    def with_where(
        *args: Any,
        state_dir: Path | None,
        kubeconfig: Path | None,
        context: str | None,
        namespace: str | None,
        **others: Any,
    ) -> Any:
        where = Where(state_dir, kubeconfig, context, namespace)
        return command(*args, where=where, **others)

    for option in (_context, _kubeconfig, state_option, _namespace):
        with_where = option(with_where)
    return with_where


class Duration(click.ParamType[float]):
    """A duration as in a manifest: `90s`, `30m`, `1h30m`. It becomes seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


def output(*choices: str) -> Callable[[F], F]:
    """How to print."""
    return click.option(
        "-o", "--output", type=click.Choice(choices), help="Print for a program instead of a person."
    )


filename_option = click.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Manifest, folder of manifests, or - for standard input. May be given several times.",
)
name_argument = click.argument("name")
