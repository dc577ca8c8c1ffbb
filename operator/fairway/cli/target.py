"""What the verbs act on, as a protocol, and its implementation for local mode."""

from __future__ import annotations

import difflib
import getpass
import json
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import click

from fairway.adapters.files import FileStore
from fairway.api.status import HandledRequest
from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.cli.exits import Exit
from fairway.driver.ports import Ref
from fairway.local.lock import is_up
from fairway.local.paths import LocalPaths
from fairway.local.unheeded import unheeded

POLL_SECONDS = 0.1
ANSWER_SECONDS = 10.0
T = TypeVar("T")


class Target(Protocol):
    """Where ModelDeployments live."""

    @property
    def default_namespace(self) -> str:
        """Where a model is meant to be when nobody says where."""

    @property
    def poll_seconds(self) -> float:
        """How often it may be asked."""

    @property
    def how_to_start(self) -> str:
        """What to do when nobody acts on what is stored."""

    def get(self, ref: Ref) -> ModelDeployment:
        """One resource; a click error when it is not there."""

    def list(self, namespace: str | None) -> list[ModelDeployment]:
        """All resources, of one namespace or of all."""

    def refs(self) -> Sequence[Ref]:
        """Which resources there are."""

    def put(self, md: ModelDeployment) -> tuple[ModelDeployment, bool]:
        """Store a spec; also says whether it was new."""

    def unheeded(self, md: ModelDeployment) -> str:
        """A sentence about what of this spec nobody acts on here; "" when all of it counts."""

    def delete(self, ref: Ref) -> bool:
        """Forget a resource; False when it was not there."""

    def request(self, ref: Ref, verb: str, revision: str | None) -> HandledRequest | None:
        """Ask for something and wait for the answer; None when nobody answered."""

    def is_running(self) -> bool:
        """Whether anybody acts on what is stored."""

    def require_running(self) -> None:
        """A click error when nobody would act on what is stored."""


class LocalTarget:
    """The folder of `fairway local up`."""

    default_namespace = "default"
    poll_seconds = POLL_SECONDS
    how_to_start = "start it with: fairway local up"

    def __init__(self, state_dir: Path | None) -> None:
        self.paths = LocalPaths.at(state_dir)
        self.store = FileStore(self.paths.deployments)

    def get(self, ref: Ref) -> ModelDeployment:
        md = self.store.get(ref)
        if md is None:
            raise NotFound(ref, self.store.refs())
        return md

    def list(self, namespace: str | None) -> list[ModelDeployment]:
        refs = [ref for ref in self.store.refs() if namespace in {None, ref.namespace}]
        return [md for ref in refs if (md := self.store.get(ref)) is not None]

    def refs(self) -> Sequence[Ref]:
        return self.store.refs()

    def put(self, md: ModelDeployment) -> tuple[ModelDeployment, bool]:
        return self.store.put(md)

    def unheeded(self, md: ModelDeployment) -> str:
        return unheeded(md.spec)

    def delete(self, ref: Ref) -> bool:
        return self.store.delete(ref)

    def request(self, ref: Ref, verb: str, revision: str | None) -> HandledRequest | None:
        self.get(ref)
        request_id, text = new_request(verb, revision)
        self.store.annotate(ref, REQUEST_ANNOTATION, text)
        return wait_for(lambda: answer_to(request_id, self.get(ref)), ANSWER_SECONDS)

    def is_running(self) -> bool:
        return is_up(self.paths.lock)

    def require_running(self) -> None:
        if not self.is_running():
            raise NotRunning(self.paths.state)


class NotFound(click.ClickException):
    """There is no such resource; what there is instead is named."""

    exit_code = Exit.ERROR

    def __init__(self, ref: Ref, known: Sequence[Ref]) -> None:
        close = difflib.get_close_matches(ref.name, [other.name for other in known], 1)
        others = ", ".join(str(other) for other in known[:10]) or "none"
        hint = f"; did you mean {close[0]}?" if close else ""
        super().__init__(f"there is no ModelDeployment {ref} (there are: {others}){hint}")


class NotRunning(click.ClickException):
    """Nobody would act."""

    exit_code = Exit.ERROR

    def __init__(self, state: Path) -> None:
        super().__init__(f"no fairway runs on {state}; start one with: fairway local up -f model.yaml")


def new_request(verb: str, revision: str | None) -> tuple[str, str]:
    """A request as the annotation holds it, after the id that its answer will have."""
    request_id = uuid.uuid4().hex[:12]
    content = {"id": request_id, "verb": verb, "revision": revision, "by": getpass.getuser()}
    return request_id, json.dumps(content)


def answer_to(request_id: str, md: ModelDeployment) -> HandledRequest | None:
    """What became of a request; None while nobody has looked at it."""
    return next((done for done in md.status.requests if done.id == request_id), None)


def wait_for(
    look: Callable[[], T | None], seconds: float | None, poll_seconds: float = POLL_SECONDS
) -> T | None:
    """What `look` finds, as soon as it finds something; None when the time is up first."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if deadline is not None and time.monotonic() >= deadline:
            return None
        time.sleep(poll_seconds)
