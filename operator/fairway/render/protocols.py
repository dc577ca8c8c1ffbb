"""What an engine and a router must do. A plug-in is one file, one registry line, one golden folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, Protocol

from fairway.core.model import Workload
from fairway.core.route import Route
from fairway.render.envoy import EnvoyModel
from fairway.render.kube.kind import Kind
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
        gpus: whether a server gets the GPUs that its revision asks for.
    """

    model: PurePath
    address: PurePath
    termination: PurePath
    python: str
    host: str = "127.0.0.1"
    port: int = 0
    gpus: bool = False


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


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What this engine does not do.

    Attributes:
        reason: one sentence for a person, with what to do instead.
    """

    reason: str


class Engine(Protocol):
    """Knows how one model server is started and asked. Stateless.

    Attributes:
        rights: what the operator has to be allowed for `objects`; the chart's roles are made of it.
        kinds: of `objects`, in the order in which they go. Those that somebody else's CRD brings are looked
            for, and missed without harm to the models of other engines.
        fatal_exit_codes: exits of a server that starting it again cannot cure.
    """

    rights: ClassVar[tuple[Right, ...]]
    kinds: ClassVar[tuple[Kind, ...]]
    fatal_exit_codes: ClassVar[frozenset[int]]

    def process(self, workload: Workload, place: Place) -> ProcessSpec | Unsupported:
        """The server of this revision as one process."""

    def refusal(self, owner: Owner, workload: Workload) -> str | None:
        """Why a cluster cannot have this revision as it is, in one sentence that says what to do."""

    def objects(self, owner: Owner, workload: Workload, settings: ServerSettings) -> tuple[Manifest, ...]:
        """Everything that makes the servers of this revision in a cluster, in the order of need.

        Each object has the revision's name. The endpoints are found by a headless Service, on port 8080.
        All pods carry the labels of the model and of the revision, and so does the Deployment that has them.
        """

    def scaled(self, obj: Manifest, replicas: int) -> Manifest:
        """One of `objects` that asks for so many servers."""

    def deployment(self, revision: str) -> str:
        """Name of the Deployment that has the pods of this revision: how they are is read from there."""

    def last_words(self, objects: Iterable[Manifest]) -> str:
        """What is wrong in the engine's own words, "" when it says nothing.

        Args:
            objects: those of this revision that are of `kinds`, as they are in the cluster.
        """


class Router(Protocol):
    """Knows how one router spells a route. Declarative: the whole route, no order of calls."""

    def render(self, route: Route, bind_address: str) -> EnvoyModel:
        """The whole configuration of one model."""
