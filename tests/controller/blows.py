"""Does one bad thing at one write of a walk, and looks whether the walk still comes to the same end."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from controller.end_state import Flat, difference, end_state
from controller.operator_process import OperatorProcess, killable
from controller.proxy import Call, FaultProxy, Hung, Lost, refusal
from controller.walks import Walk, Write, Writes
from controller.world import World, a_world

QUIET_SECONDS = 0.5
PATIENCE_SECONDS = 30.0


class Blow(StrEnum):
    """What is done at a write."""

    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"
    CONFLICT = "409"
    INVALID = "422"
    BROKEN = "500"
    LOST = "reply lost"
    HUNG = "no reply"


KILLS = (Blow.KILL_BEFORE, Blow.KILL_AFTER)
FAULTS = (Blow.CONFLICT, Blow.INVALID, Blow.BROKEN, Blow.LOST, Blow.HUNG)
_ANSWERS = {Blow.CONFLICT: 409, Blow.INVALID: 422, Blow.BROKEN: 500}


@dataclass(frozen=True)
class Point:
    """Where a walk is disturbed, and how."""

    walk: Walk
    write: Write
    blow: Blow

    def __str__(self) -> str:
        return f"{self.walk.name}: {self.blow} {self.write}"


@dataclass(frozen=True)
class Result:
    """How a disturbed walk ended.

    Attributes:
        reached: whether that write came by at all; else nothing was disturbed.
        differences: from the end of the undisturbed walk; or why there was no end.
        seconds: of the whole walk.
    """

    point: Point
    reached: bool
    differences: tuple[str, ...]
    seconds: float

    @property
    def diverged(self) -> bool:
        return bool(self.differences)


@dataclass(frozen=True)
class Reference:
    """The undisturbed walk.

    Attributes:
        writes: those that come by in each of several runs, in order.
        end: what all of them come to.
        seconds: of the slowest.
    """

    walk: Walk
    writes: tuple[Write, ...]
    end: Flat
    seconds: float

    def points(self, blows: Sequence[Blow]) -> list[Point]:
        return [Point(self.walk, write, blow) for write in self.writes for blow in blows]


async def undisturbed(kubeconfig: Path, walk: Walk, times: int = 3) -> Reference:
    """Walk several times, and make sure that the end is the same without any disturbance."""
    runs = [await _walk_once(kubeconfig, walk) for _ in range(times)]
    writes, end, _ = runs[0]
    for _, other, _ in runs[1:]:
        assert not difference(end, other), f"the ends of undisturbed walks differ: {difference(end, other)}"
    always = set.intersection(*(set(found) for found, _, _ in runs))
    common = tuple(write for write in writes if write in always)
    return Reference(walk, common, end, max(seconds for _, _, seconds in runs))


async def _walk_once(kubeconfig: Path, walk: Walk) -> tuple[list[Write], Flat, float]:
    clock = asyncio.get_running_loop().time
    writes = Writes(counts=False)
    async with _stage(kubeconfig) as (world, proxy, _operator):
        writes.watch(proxy)
        await _begin(walk, world, proxy, writes)
        began = clock()
        await walk.rest(world)
        seconds = clock() - began
        await _until_quiet(proxy)
        return writes.done, await end_state(world), seconds


async def disturbed(kubeconfig: Path, reference: Reference, point: Point) -> Result:
    """Walk once, with one blow."""
    clock = asyncio.get_running_loop().time
    writes = Writes(point.write, counts=False)
    async with _stage(kubeconfig) as (world, proxy, operator):
        _arm(point.blow, writes, proxy, operator)
        writes.watch(proxy)
        await _begin(point.walk, world, proxy, writes)
        began = clock()
        try:
            await point.walk.rest(world)
        except AssertionError as stuck:
            wrong = (str(stuck)[:2000], *_last_words(operator))
            return Result(point, writes.call is not None, wrong, clock() - began)
        seconds = clock() - began
        await _wait(lambda: writes.call is not None, 2.0)
        found = await _settle(world, proxy, reference.end)
    wrong = (*difference(reference.end, found), *_unforeseen(point.blow, operator))
    return Result(point, writes.call is not None, wrong, seconds)


async def disturb_all(
    kubeconfig: Path,
    points: Sequence[tuple[Reference, Point]],
    parallel: int,
    tell: Callable[[Result], None] = lambda _result: None,
) -> list[Result]:
    """One walk for each point, several at a time; the results in the order of the points."""
    free = asyncio.Semaphore(parallel)

    async def one(reference: Reference, point: Point) -> Result:
        async with free:
            result = await disturbed(kubeconfig, reference, point)
        tell(result)
        return result

    return await asyncio.gather(*(one(reference, point) for reference, point in points))


@asynccontextmanager
async def _stage(kubeconfig: Path) -> AsyncIterator[tuple[World, FaultProxy, OperatorProcess]]:
    with tempfile.TemporaryDirectory(prefix="fairway-walk-") as folder:
        async with a_world(kubeconfig, Path(folder)) as world, world.proxy() as proxy:
            settings = world.settings(proxy.kubeconfig)
            async with killable(
                settings, proxy, world.router_port, Path(folder) / "operator.log"
            ) as operator:
                yield world, proxy, operator


async def _begin(walk: Walk, world: World, proxy: FaultProxy, writes: Writes) -> None:
    await walk.begin(world)
    if walk.starts_from_something:
        await _until_quiet(proxy)
    writes.counts = True


def _arm(blow: Blow, writes: Writes, proxy: FaultProxy, operator: OperatorProcess) -> None:
    def after(call: Call) -> None:
        if call is writes.call:
            operator.kill()

    if blow is Blow.KILL_BEFORE:
        writes.at = operator.kill
    elif blow is Blow.KILL_AFTER:
        proxy.after_write = after
    else:
        answer = {Blow.LOST: Lost, Blow.HUNG: Hung}.get(blow)
        proxy.fault = lambda call: (answer or refusal(_ANSWERS[blow])) if call is writes.call else None


def _unforeseen(blow: Blow, operator: OperatorProcess) -> list[str]:
    """Other ends of operators than the one that was made."""
    allowed = [-9] if blow in KILLS else []
    return [] if operator.exits in ([], allowed) else [f"the operator ended with {operator.exits}"]


def _last_words(operator: OperatorProcess) -> list[str]:
    return operator.log.read_text().splitlines()[-5:] if operator.log.exists() else []


async def _settle(world: World, proxy: FaultProxy, wanted: Flat) -> Flat:
    """Wait for the wanted end, then see whether it stays; give up after a while."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE_SECONDS
    found = await end_state(world)
    while found != wanted and clock() < deadline:
        await asyncio.sleep(0.1)
        found = await end_state(world)
    await _until_quiet(proxy)
    return await end_state(world)


async def _until_quiet(proxy: FaultProxy) -> None:
    """Nothing but the lease has been written for a while."""
    clock = asyncio.get_running_loop().time
    seen, since = -1, clock()
    while clock() - since < QUIET_SECONDS:
        await asyncio.sleep(0.05)
        if (written := len(proxy.writes)) != seen:
            seen, since = written, clock()


async def _wait(condition: Callable[[], bool], seconds: float) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while not condition() and clock() < deadline:
        await asyncio.sleep(0.02)
