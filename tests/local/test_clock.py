"""The machine's clock is set back in the middle of a rollout."""

import asyncio
from datetime import UTC, datetime, timedelta

from fairway.api.status import Status
from fairway.local.app import LocalApp
from fairway.local.paths import LocalPaths
from laptop.fairway import Laptop
from laptop.story import Move, Story
from laptop.users import complaints


async def test_a_clock_that_is_set_back_delays_a_rollout_and_breaks_nothing(laptop: Laptop) -> None:
    offset = timedelta(0)

    def clock() -> datetime:
        return datetime.now(UTC) + offset  # noqa: TID251  it is the clock that is set

    app = LocalApp(LocalPaths.at(laptop.state), first_port=laptop.port, clock=clock)
    running = asyncio.create_task(app.run())
    try:
        story = Story(laptop)
        await story.begin()
        async with story.users(clients=2) as load:
            revision = await story.start(Move.PROMOTED)
            await story.until(lambda s: _intervals(s) >= 2, why="evidence is counted")
            before = _intervals(story.status)
            offset = -timedelta(hours=2)
            await story.until(lambda s: _intervals(s) >= before + 2, why="evidence is counted again")
            await story.push(Move.PROMOTED)
            assert (await laptop.end(revision)).code == 0
            assert complaints(load.snapshot()) == 0
    finally:
        app.stop()
        await running
    assert laptop.leftovers() == []


def _intervals(status: Status) -> int:
    return status.rollout.evidence[0].intervals if status.rollout and status.rollout.evidence else 0
