"""How a rollout of the smallest resource ends, by traffic and errors, and within what time.

Times are virtual. A step takes at most its maximum and two readings, so the defaults (steps of 30, 60 and 60
minutes, a bake of 10) bound every row; the shortest way takes 22 minutes. Shares in the comments: of 20 runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest

from harbour import Traffic, live

WITHOUT = "PromotedWithoutTraffic"
LITTLE = "PromotedOnLittleTraffic"
BACK = "Regression"
HELD = "Inconclusive"
SLACK = timedelta(minutes=2)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        rps: requests a second. stable, candidate: their failure rates in percent.
        ends: every end that may occur, with the least share of the runs that must end so.
        within: minutes that the longest run may take.
        runs: how many, where chance decides about the end.
    """

    rps: float
    stable: float
    candidate: float
    ends: dict[str, float]
    within: float
    runs: int = 2

    def __str__(self) -> str:
        return f"{self.rps:g} rps, {self.stable:g} % against {self.candidate:g} %"


SHORTEST, LONGEST = 2 + 5 + 5 + 10, 30 + 60 + 60 + 10

TABLE = [
    # Nobody asks, so nothing can be known; the old revision stays warm through the bake.
    *(
        Row(0, stable, candidate, {WITHOUT: 1}, SHORTEST)
        for stable, candidate in ((0, 0), (0, 4), (0.1, 0.1), (0.1, 0.4), (1, 1), (1, 4))
    ),
    # 0.1 rps are 900 requests in all: too few for a verdict.
    Row(0.1, 0, 0, {LITTLE: 1}, LONGEST),
    Row(0.1, 0, 4, {HELD: 0.3, LITTLE: 0, BACK: 0}, LONGEST, runs=8),  # held 14, little 5, back 1
    Row(0.1, 0.1, 0.1, {LITTLE: 0.5, HELD: 0}, LONGEST),
    Row(0.1, 0.1, 0.4, {LITTLE: 0.5, HELD: 0}, LONGEST),
    Row(0.1, 1, 1, {LITTLE: 0.5, HELD: 0}, LONGEST),
    Row(0.1, 1, 4, {LITTLE: 0.3, HELD: 0, BACK: 0}, LONGEST, runs=8),  # little 13, held 5, back 2
    # 1 rps
    Row(1, 0, 0, {LITTLE: 1}, 110),
    Row(1, 0, 4, {BACK: 0.7, HELD: 0}, 110, runs=8),  # back 19, held 1
    Row(1, 0.1, 0.1, {LITTLE: 1}, LONGEST),
    Row(1, 0.1, 0.4, {LITTLE: 0.3, HELD: 0, BACK: 0}, LONGEST, runs=8),  # little 14, held 5, back 1
    Row(1, 1, 1, {LITTLE: 0.7, HELD: 0}, LONGEST, runs=8),  # little 19, held 1
    Row(1, 1, 4, {BACK: 0.3, HELD: 0}, LONGEST, runs=8),  # back 12, held 8
    # 20 rps: at 1 percent the first step still sees too little for SAFE.
    Row(20, 0, 0, {LITTLE: 1}, 55),
    Row(20, 0, 4, {BACK: 1}, 20, runs=8),  # back 20
    Row(20, 0.1, 0.1, {LITTLE: 1}, 60),
    Row(20, 0.1, 0.4, {BACK: 0.2, LITTLE: 0, HELD: 0}, 60, runs=8),  # back 10, little 6, held 4
    Row(20, 1, 1, {LITTLE: 0.7, HELD: 0}, LONGEST, runs=4),  # little 20
    Row(20, 1, 4, {BACK: 0.7, HELD: 0}, 60, runs=8),  # back 18, held 2
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_every_rollout_ends_as_the_table_says(row: Row) -> None:
    found: Counter[str] = Counter()
    for seed in range(row.runs):
        end, took = _end(row, seed)
        found[end] += 1
        assert took <= timedelta(minutes=row.within) + SLACK, f"{end} after {took}"
    assert set(found) <= set(row.ends)
    for end, share in row.ends.items():
        assert found[end] >= share * row.runs, f"{end}: {found}"


@pytest.mark.parametrize("rps", [0.0, 0.1, 1.0, 20.0])
def test_the_table_has_every_rate_of_errors_at_every_rate_of_requests(rps: float) -> None:
    errors = {(row.stable, row.candidate) for row in TABLE if row.rps == rps}
    assert errors == {(0, 0), (0, 4), (0.1, 0.1), (0.1, 0.4), (1, 1), (1, 4)}


def _end(row: Row, seed: int) -> tuple[str, timedelta]:
    harbour = live(traffic=Traffic(row.rps), seed=seed)
    harbour.careful = seed == 0
    harbour.traffic.failure_rate = {"a": row.stable / 100, "b": row.candidate / 100}
    begun = harbour.age
    harbour.edit(uri="file:/models/b")
    harbour.run_until_settled(limit=timedelta(hours=4))
    if harbour.status.phase == "Paused":
        return harbour.rollout.pauses[0].reason.value, harbour.age - begun
    assert harbour.rollout.outcome is not None
    return harbour.rollout.outcome.value, harbour.age - begun
