"""Rollouts one after the other, as an eventful week would bring them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

from examples.demo.load import Load

from fairway.api.status import Phase, Status
from fairway.cli.exits import Exit
from fairway.driver.ports import Ref

from . import models
from .fairway import Laptop
from .manifests import HELD, QUICK, deployment
from .users import users


class Move(StrEnum):
    """One rollout, and how it must end."""

    GOOD = "good: promoted by evidence"
    BAD = "bad: sent back by evidence"
    PROMOTED = "good, and a user takes it live at once"
    ABORTED = "good, and a user sends it back"


ENDS = {Move.GOOD: Exit.OK, Move.BAD: Exit.ROLLED_BACK, Move.PROMOTED: Exit.OK, Move.ABORTED: Exit.ABORTED}


def moves(seed: int, number: int) -> Iterator[Move]:
    """All kinds in turn, in an order that the seed decides."""
    throw = random.Random(seed)
    for _ in range(-(-number // len(Move))):
        yield from throw.sample(list(Move), len(Move))


@dataclass
class Story:
    """Plays moves on a laptop; keeps in mind which revisions were bad."""

    laptop: Laptop
    name: str = "fraud"
    bad: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def ref(self) -> Ref:
        return Ref("default", self.name)

    @property
    def status(self) -> Status:
        return self.laptop.status(self.ref)

    async def begin(self) -> str:
        """The first revision."""
        self._put(Move.GOOD)
        return await self.laptop.live(self.ref)

    async def start(self, move: Move) -> str:
        """Apply the move's model; its revision."""
        self._put(move)
        revision = await self.laptop.revision(self.ref)
        if move is Move.BAD:
            self.bad.add(revision)
        return revision

    async def play(self, move: Move) -> None:
        """One move to its end."""
        revision = await self.start(move)
        await self.push(move)
        end = await self.laptop.end(revision, self.ref, within=40)
        assert end.code is ENDS[move], f"{move}: {end}\n{self.laptop.said()}"
        stable = self.status.stable
        assert (stable == revision) is (end.code is Exit.OK)

    async def push(self, move: Move) -> None:
        """What a user does to a running rollout in this move."""
        if move in {Move.PROMOTED, Move.ABORTED}:
            await self.until(lambda s: s.phase is Phase.CANARY, why="it takes traffic")
            if move is Move.PROMOTED:
                assert await self.laptop.ask("promote", self.ref)
                await self.until(lambda s: s.rollout and s.rollout.steps, why="it was promoted a step")
                assert await self.laptop.ask("promote-full", self.ref)
            else:
                assert await self.laptop.ask("abort", self.ref)

    async def until(self, condition: Callable[[Status], Any], *, why: str) -> Status:
        """The model's first status that fulfils the condition."""
        return await self.laptop.until(condition, why=why, ref=self.ref)

    def users(self, clients: int = 8) -> Load:
        """Users of this model at full speed."""
        return users(self.status.port or 0, clients=clients, name=self.name)

    def apply(self, file: Path, **changes: Any) -> None:
        """Ask for this model file."""
        self.laptop.put(deployment(file, name=self.name, **changes))

    def good(self) -> Path:
        """A good model that was not there before."""
        number = next(self.numbers)
        return models.save(models.good(number), self.laptop.folder / f"{self.name}-{number}.onnx")

    def _put(self, move: Move) -> None:
        number = next(self.numbers)
        make = models.bad if move is Move.BAD else models.good
        file = models.save(make(number), self.laptop.folder / f"{self.name}-{number}.onnx")
        self.apply(file, rollout=HELD if move in {Move.PROMOTED, Move.ABORTED} else QUICK)
