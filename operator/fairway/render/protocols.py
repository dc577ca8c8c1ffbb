"""What an engine and a router must do. A plug-in is one file, one registry line, one golden folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from fairway.core.model import Workload
from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel


@dataclass(frozen=True, slots=True)
class ProcessFiles:
    """Where a local server finds its model and leaves its words."""

    model: PurePath
    address: PurePath
    termination: PurePath


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A server as a local process.

    Attributes:
        argv: the whole command line.
        termination_file: JSON {"reason", "message"} that it leaves when it cannot go on.
        address_file: JSON {"host", "port"} that the process writes once it listens; None for one that is
            ready as soon as it runs.
        ready_path: answers 200 once the model may be asked.
        fatal_exit_codes: exits that starting again cannot cure.
        drain_seconds: how long it may take to finish its requests after SIGTERM.
    """

    name: str
    argv: tuple[str, ...]
    termination_file: PurePath
    address_file: PurePath | None = None
    ready_path: str = "/"
    fatal_exit_codes: frozenset[int] = frozenset()
    drain_seconds: float = 5.0


class Engine(Protocol):
    """Knows how one model server is started and asked. Stateless."""

    def process(self, workload: Workload, files: ProcessFiles, python: str) -> ProcessSpec:
        """The server of this revision as a local process."""


class Router(Protocol):
    """Knows how one router spells a route. Declarative: the whole route, no order of calls."""

    def render(self, route: Route, bind_address: str) -> EnvoyModel:
        """The whole configuration of one model."""
