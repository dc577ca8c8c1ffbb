"""Random walks through crashes, stale reads, conflicts, lost replies, dying servers and late routers.

`FAIRWAY_WALKS=200000 python -m pytest tests/sim` walks more of them, from the seed FAIRWAY_WALKS_FROM on.
A failure prints its seed and how to see the whole story.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from sim.walk import GONE, Walk, end_without_faults, good_walk, outcome_of

WALKS = int(os.environ.get("FAIRWAY_WALKS", "5000"))
FIRST = int(os.environ.get("FAIRWAY_WALKS_FROM", "0"))
GOOD = WALKS // 5
COMPARED = 4
PARTS = 20
"""Tests that the walks are spread over, so that several processes share them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_keeps_every_invariant_whatever_goes_wrong(part: int) -> None:
    """The claims stand in `sim/invariants.py`; here they meet every mix of faults."""
    seeds = range(FIRST + part, FIRST + WALKS - GOOD, PARTS)
    ends = Counter(outcome_of(Walk(seed)).phase for seed in seeds)
    assert ends.keys() >= {"Stable", "RolledBack"}, "the walks no longer reach what they are for"


@pytest.mark.parametrize("part", range(PARTS))
def test_ends_as_if_nothing_had_gone_wrong_when_all_models_are_good(part: int) -> None:
    """Faults that only cost time leave no trace: same stable revision, servers, route, conditions."""
    for seed in range(FIRST + part, FIRST + GOOD, PARTS):
        walk = good_walk(seed)
        end = outcome_of(walk)
        if end == GONE:
            assert walk.store.current is None
            continue
        assert end.phase == "Stable", f"seed {seed}"
        assert walk.stable_content == walk.wanted_content, f"seed {seed}"
        if seed // PARTS % COMPARED == 0:
            assert end == end_without_faults(walk.store.history), f"seed {seed}"


def test_walks_a_seed_the_same_way_again() -> None:
    """Else a printed seed would be worth nothing."""
    first, again = Walk(7), Walk(7)
    assert first.run() == again.run()
    assert first.world.trace == again.world.trace
