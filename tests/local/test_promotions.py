"""Users at full speed notice nothing of promotions and rollbacks, but for what a bad model failed itself."""

import sys

import pytest

from laptop.fairway import Laptop
from laptop.story import Story, moves
from laptop.users import complaints, users, words


@pytest.mark.parametrize(
    "number", [pytest.param(4, id="4 rollouts"), pytest.param(20, id="20 rollouts", marks=pytest.mark.soak)]
)
async def test_no_request_fails_but_those_of_the_bad_model(laptop: Laptop, number: int) -> None:
    await laptop.up()
    story = Story(laptop)
    await story.begin()
    async with users(laptop.status().port or 0) as load:
        for move in moves(1, number):
            await story.play(move)
        tally = load.snapshot()
    sys.stdout.write(words(tally) + "\n")
    assert complaints(tally, story.bad) == 0, words(tally)
    assert all(0 < tally.revisions[name].failures < 100 for name in story.bad), words(tally)
    assert await laptop.down() == 0
    assert laptop.leftovers() == []
