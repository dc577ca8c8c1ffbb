"""What an engine and a router must do. A plug-in is one file, one registry line, one golden folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, Protocol

from fairway.core.model import Workload
from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.rights import Right


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: on a laptop or in a container.

    Attributes:
        model: the content, a folder named by its digest.
        address: where it says on which address it listens.
        termination: where it leaves its last words.
        python: the interpreter.
        host, port: to listen on; port 0 is one of the kernel's choice.
    """

    model: PurePath
    address: PurePath
    termination: PurePath
    python: str
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A server as a process, on a laptop or in a container.

    Attributes:
        argv: the whole command line.
        termination_file: JSON {"reason", "message"} that it leaves when it cannot go on.
        address_file: JSON {"host", "port"} that the process writes once it listens; None for one that is
            ready as soon as it runs.
        ready_path: answers 200 once the model may be asked.
        live_path: answers 200 as long as the process is worth keeping.
        fatal_exit_codes: exits that starting again cannot cure.
        drain_seconds: how long it may take to finish its requests after SIGTERM.
    """

    name: str
    argv: tuple[str, ...]
    termination_file: PurePath
    address_file: PurePath | None = None
    ready_path: str = "/"
    live_path: str = "/"
    fatal_exit_codes: frozenset[int] = frozenset()
    drain_seconds: float = 5.0


class Engine(Protocol):
    """Knows how one model server is started and asked. Stateless.

    Attributes:
        rights: what the operator has to be allowed for `objects`; the chart's roles are made of it.
    """

    rights: ClassVar[tuple[Right, ...]]

    def process(self, workload: Workload, place: Place) -> ProcessSpec:
        """The server of this revision as one process."""

    def objects(
        self, owner: Owner, workload: Workload, settings: ServerSettings, process: ProcessSpec
    ) -> tuple[Manifest, ...]:
        """Everything that makes the servers of this revision in a cluster, in the order of need.

        Its endpoints are found by a headless Service of the revision's name, on port 8080.
        """


class Router(Protocol):
    """Knows how one router spells a route. Declarative: the whole route, no order of calls."""

    def render(self, route: Route, bind_address: str) -> EnvoyModel:
        """The whole configuration of one model."""
