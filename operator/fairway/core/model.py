"""The words that a decision is made of: what is seen, what is wanted, what is decided. All frozen, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from fairway.api.spec import ModelSource
from fairway.api.status import Revision, Status
from fairway.core.route import Route, RouteState, Sample


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's content lies, and with whose rights it is read.

    Attributes:
        uri: as the user wrote it.
        secret: name of a Secret of the model's namespace; never what is in it.
        account: name of a service account of the model's namespace.
    """

    uri: str
    secret: str | None = None
    account: str | None = None

    @classmethod
    def of(cls, found: ModelSource | Revision) -> Source:
        """As the spec says it, or as it was when a revision was made."""
        return cls(found.uri, found.secret_ref.name if found.secret_ref else None, found.service_account_name)


@dataclass(frozen=True, slots=True)
class ArtifactState:
    """What lies behind the spec's URI right now.

    Attributes:
        uri: the URI that was looked at.
        sha256: digest of its content, None while unknown.
        error: one sentence for a person when it cannot be read until somebody does something.
        waiting: one sentence for a person about what is waited for.
    """

    uri: str
    sha256: str | None = None
    error: str | None = None
    waiting: str = ""


class Health(StrEnum):
    ABSENT = "Absent"
    STARTING = "Starting"
    READY = "Ready"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class WorkloadHealth:
    """How one revision's servers are.

    Attributes:
        health: READY as soon as one server answers; FAILED means that starting it again cannot help (the
            model itself is at fault).
        message: the server's own words, for the status.
        restarts: how often it was started again; it only grows.
        content_changed: what lies behind its URI is not what the revision was made of.
        reason: `message` in one word for programs; "" when it says nothing that somebody has to know.
        answering: servers that are ready; None where nobody counts them.
        asked: servers that there are to be, by the last word of whoever decides that; None likewise.
    """

    health: Health = Health.ABSENT
    message: str = ""
    restarts: int = 0
    content_changed: bool = False
    reason: str = ""
    answering: int | None = None
    asked: int | None = None

    @property
    def ready(self) -> bool:
        return self.health is Health.READY


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at the world.

    Attributes:
        artifact: None when it was not asked for.
        workloads: by revision name; a revision that is not in it is absent.
        sample: None when the counters could not be read or were not asked for.
        active: requests in flight per revision, None when unknown.
        free_port: a listener port that nobody uses, when one was asked for.
    """

    artifact: ArtifactState | None = None
    workloads: dict[str, WorkloadHealth] = field(default_factory=dict)
    route: RouteState = field(default_factory=RouteState)
    sample: Sample | None = None
    active: dict[str, int] | None = None
    free_port: int | None = None

    def health(self, revision: str | None) -> WorkloadHealth:
        return self.workloads.get(revision or "", WorkloadHealth())


@dataclass(frozen=True, slots=True)
class Needs:
    """What the next decision wants to look at. A kept copy of the pinned content will do for the artifact."""

    artifact: str
    pin: str | None
    revisions: tuple[str, ...]
    sample: bool
    active: bool
    free_port: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the platform offers, as values and never as a mode flag.

    Attributes:
        host: name or address that clients reach the routers by.
        runtimes: server image (or local runtime) per engine type, for revisions made from now on.
        gpu_runtimes: the same for revisions that ask for GPUs.
        port: that clients use, where something stands before the routers; None for the routers' own.
    """

    host: str
    runtimes: dict[str, str]
    port: int | None = None
    gpu_runtimes: dict[str, str] = field(default_factory=dict)


class Role(StrEnum):
    STABLE = "stable"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many servers of a revision there are to be.

    Attributes:
        servers: exactly so many; with `most`, never fewer.
        most: never more; an autoscaler decides in between. None: without one.
        cpu_percent: of the requested CPU that the autoscaler aims at; None: without one.
    """

    servers: int = 1
    most: int | None = None
    cpu_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A revision that must be running."""

    namespace: str
    model: str
    revision: Revision
    role: Role
    request_timeout_seconds: float
    capacity: Capacity = Capacity()


class Severity(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person would want to hear about, once."""

    reason: str
    message: str
    severity: Severity = Severity.NORMAL


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be, whole.

    Attributes:
        status: to be stored before anything else happens.
        workloads: what must run.
        route: None while there is nothing to route to.
        keep: names of revisions that must not be taken away yet, though nothing new is asked of some of them;
            None while it is unknown what the routers still send requests to: then nothing may go.
        look_again: when to decide again, if nothing happens before.
        resolve: whose digest must be found out, where looking does not do it; None when it is known.
    """

    status: Status
    workloads: tuple[Workload, ...]
    route: Route | None
    keep: frozenset[str] | None
    look_again: timedelta
    notices: tuple[Notice, ...] = ()
    resolve: Source | None = None
