"""Options that many commands share, and what they hand to a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from fairway.cli.target import LocalTarget, Target
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


def make_context(state_dir: Path | None, namespace: str) -> Context:
    return Context(
        target=LocalTarget(state_dir),
        namespace=namespace,
        out=Console(file=sys.stdout, soft_wrap=True, highlight=False),
        err=Console(file=sys.stderr, soft_wrap=True, highlight=False),
    )


def common(command: F) -> F:
    """Where the resources are."""
    for option in (
        click.option(
            "-n",
            "--namespace",
            default="default",
            show_default=True,
            help="Namespace of the ModelDeployment.",
        ),
        click.option(
            "--state-dir",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="FAIRWAY_STATE_DIR",
            help="Folder of the local Fairway. [default: $XDG_STATE_HOME/fairway]",
        ),
    ):
        command = option(command)
    return command


def output(*choices: str) -> Callable[[F], F]:
    """How to print."""
    return click.option(
        "-o", "--output", type=click.Choice(choices), help="Print for a program instead of a person."
    )


name_argument = click.argument("name")
