"""How far a fetch is, and when it is done."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from fairway.fetch.progress import Progress
from fairway.fetch.transfer import Patience


@pytest.mark.parametrize(
    ("total", "rate", "eta"), [(1000, 50.0, 15), (1000, 0.0, None), (None, 50.0, None), (100, 50.0, 0)]
)
def test_the_time_that_is_left_follows_from_the_rate(total: int | None, rate: float, eta: int | None) -> None:
    progress = Progress(total)
    progress.add(250)
    assert progress.facts(rate) == {
        "bytes": 250,
        "total_bytes": total,
        "bytes_per_second": round(rate),
        "eta_seconds": eta,
    }


async def test_a_line_is_logged_now_and_then() -> None:
    progress = Progress(1000)
    progress.add(100)
    with capture_logs() as lines:
        telling = asyncio.create_task(progress.tell(0.001))
        async with asyncio.timeout(10):
            while len(lines) < 3:
                await asyncio.sleep(0.001)
        telling.cancel()
    assert {line["event"] for line in lines} == {"fetching"}
    assert lines[-1]["bytes"] == 100


def test_waits_grow_up_to_a_bound() -> None:
    patience = Patience(first_seconds=0.5, longest_seconds=20)
    for tries, longest in ((1, 0.5), (2, 1.0), (4, 4.0), (50, 20.0)):
        assert longest / 2 <= patience.wait(tries) <= longest
