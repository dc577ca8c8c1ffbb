"""Fairway itself dies at any moment: users notice nothing, and the next one goes on from there."""

import asyncio
import random
import sys
import time
from functools import partial

import pytest
from examples.demo.load import Load

from fairway.api.status import Phase
from laptop.fairway import Laptop, eventually
from laptop.story import ENDS, Move, Story, moves
from laptop.users import complaints, users, words


def _served(load: Load, number: int) -> bool:
    return load.snapshot().requests > number


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(3, 1, id="3 kills"),
        *(pytest.param(10, seed, id=f"10 kills, {seed}", marks=pytest.mark.soak) for seed in (1, 2, 3)),
    ],
)
async def test_a_rollout_survives_the_death_of_fairway_at_any_moment(
    laptop: Laptop, kills: int, seed: int
) -> None:
    throw = random.Random(seed)
    await laptop.up()
    story = Story(laptop)
    await story.begin()
    envoy = laptop.records()["envoy"]
    down = 0.0
    async with users(laptop.status().port or 0) as load:
        for move, _ in zip(moves(seed, kills), range(kills), strict=False):
            revision = await story.start(move)
            pushing = asyncio.create_task(story.push(move))
            await asyncio.sleep(throw.uniform(0.0, 3.0))  # the moment of death, which the seed decides
            await laptop.kill()
            died = time.monotonic()
            before = laptop.records()
            await eventually(partial(_served, load, load.snapshot().requests + 50), why="Envoy serves on")
            await laptop.up()
            down += time.monotonic() - died
            await pushing
            end = await laptop.end(revision, within=40)
            assert end.code is ENDS[move], f"{move}: {end}\n{laptop.said()}"
            after = laptop.records()
            assert {n: after[n] for n in after if n in before} == {n: before[n] for n in after if n in before}
            await eventually(
                lambda: sorted(p.pid for p in laptop.running()) == sorted(laptop.records().values()),
                why="every server runs once, and somebody knows of it",
            )
        tally = load.snapshot()
    sys.stdout.write(f"{words(tally)}\nkilled {kills} times, away for {down:.1f} s in all\n")
    assert complaints(tally, story.bad) == 0, f"{words(tally)}\n{laptop.said()}"
    assert laptop.records()["envoy"] == envoy
    assert "StableNotReady" not in laptop.said(), "whoever begins asks before it says how things are"
    assert await laptop.down() == 0
    assert laptop.leftovers() == []


async def test_a_candidate_that_was_sent_back_meanwhile_answers_until_no_router_asks_it(
    laptop: Laptop,
) -> None:
    """The next Fairway decides against it at once, but Envoy still has the route of the one before."""
    await laptop.up()
    story = Story(laptop)
    stable = await story.begin()
    async with story.users() as load:
        await story.start(Move.ABORTED)
        await story.until(lambda s: s.phase is Phase.CANARY, why="it takes traffic")
        await laptop.kill()
        asking = asyncio.create_task(laptop.ask("abort"))
        await laptop.up()
        assert await asking
        await story.until(lambda s: s.phase is Phase.ROLLED_BACK, why="it is sent back")
        assert story.status.stable == stable
        assert complaints(load.snapshot()) == 0, words(load.snapshot())
