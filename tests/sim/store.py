"""A store with versions, of which it may show an old one, and whose answers may get lost."""

from __future__ import annotations

from collections.abc import Callable

from fairway.api.spec import Spec
from fairway.api.status import Status
from fairway.api.v1alpha1 import Metadata, ModelDeployment
from fairway.driver.errors import Conflict, DriverError
from fairway.driver.ports import Ref
from sim.world import World

REF = Ref("default", "fraud")
OLDEST_STALE_VERSION = 8


class Crash(Exception):
    """The driver's process ends here."""


class Unreachable(DriverError):
    """No answer came, whatever became of the request."""


def perilous(world: World, effect: Callable[[], None]) -> None:
    """One effect on the world, which the driver may not survive, or not hear of."""
    world.breathe()
    if world.happens(world.faults.crash):
        world.note("crash before")
        raise Crash
    effect()
    if world.happens(world.faults.crash):
        world.note("crash after")
        raise Crash
    if world.happens(world.faults.lost_reply):
        world.note("reply lost")
        raise Unreachable("the reply was lost")


class SimStore:
    """Implements `driver.ports.Store` for one resource, with the user's side of it.

    `on_stored` is asked before a status is stored, with the status it replaces. With `codec` every status
    goes through JSON and back.
    """

    def __init__(self, world: World, *, codec: bool = False) -> None:
        self._world = world
        self._codec = codec
        self._versions: list[ModelDeployment] = []
        self._version = 0
        self._lives = 0
        self.current: ModelDeployment | None = None
        self.on_stored: Callable[[Status, Status], None] = lambda _old, _new: None
        self.writes = 0
        self.history: list[Spec] = []
        """What the user wanted in the resource's present life, in order."""
        self.lives_changed = False
        """Whether the resource came or went since the driver's tick began."""

    # The driver's side.

    async def read(self, ref: Ref) -> ModelDeployment | None:
        self._world.breathe()
        if self.current is not None and self._world.happens(self._world.faults.stale_read):
            old = self._world.chance.choice(self._versions[-OLDEST_STALE_VERSION:])
            self._world.note("reads", old.metadata.resource_version, "of", self._version)
            return old
        return self.current

    async def remember(self, md: ModelDeployment, status: Status) -> ModelDeployment:
        self._world.breathe()
        if self.current is not None and self._world.happens(self._world.faults.foreign_write):
            self._store(self.current)
        self._world.breathe()
        now = self.current
        if now is None or now.metadata.resource_version != md.metadata.resource_version:
            self._world.note("conflict")
            raise Conflict("the resource changed since it was read")
        if status == now.status:
            return now
        perilous(self._world, lambda: self._remember(now, status))
        if self.current is None:
            raise Conflict("the resource is gone")
        return self.current

    def _remember(self, md: ModelDeployment, status: Status) -> None:
        if self._codec:
            status = Status.model_validate(status.model_dump(mode="json", by_alias=True, exclude_none=True))
        if self.current is not md:
            raise Conflict("the resource changed since it was read")
        self.on_stored(md.status, status)
        self.writes += 1
        self._store(md.model_copy(update={"status": status}))
        self._world.note("stored", self._version, status.phase.value, status.candidate, status.stable)

    def _store(self, md: ModelDeployment) -> None:
        self._version += 1
        metadata = md.metadata.model_copy(update={"resource_version": str(self._version)})
        self.current = md.model_copy(update={"metadata": metadata})
        self._versions.append(self.current)

    # The user's side.

    def create(self, spec: Spec) -> None:
        self._lives += 1
        self.history = [spec]
        self.lives_changed = True
        self._world.live_as(str(self._lives))
        metadata = Metadata(name=REF.name, namespace=REF.namespace, uid=str(self._lives))
        self._store(ModelDeployment(metadata=metadata, spec=spec))

    def edit(self, spec: Spec) -> None:
        if self.current is None or self.current.spec == spec:
            return
        metadata = self.current.metadata
        metadata = metadata.model_copy(update={"generation": metadata.generation + 1})
        self.history.append(spec)
        self._store(self.current.model_copy(update={"spec": spec, "metadata": metadata}))

    def annotate(self, key: str, value: str) -> None:
        if self.current is not None:
            metadata = self.current.metadata
            metadata = metadata.model_copy(update={"annotations": {**metadata.annotations, key: value}})
            self._store(self.current.model_copy(update={"metadata": metadata}))

    def delete(self) -> None:
        self.current = None
        self.lives_changed = True
        self._world.live_as("")
