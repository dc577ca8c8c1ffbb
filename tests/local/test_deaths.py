"""Servers and the router die; what happens then is seen, said and survived."""

import signal
import time

import psutil
import pytest

from fairway.api.status import Outcome, Phase, Status
from laptop import models
from laptop.fairway import Laptop, eventually
from laptop.manifests import QUICK
from laptop.story import Move, Story
from laptop.users import complaints


@pytest.mark.asyncio(loop_scope="module")
async def test_a_server_that_was_killed_is_started_again_and_both_are_said(shared: Laptop) -> None:
    story = Story(shared, "killed")
    stable = await story.begin()
    dead = shared.records()[stable]
    psutil.Process(dead).kill()
    await story.until(lambda s: _degraded(s) == "StableNotReady", why="the condition says it")
    await eventually(lambda: shared.records()[stable] != dead, why="another process serves")
    await story.until(lambda s: not _degraded(s), why="the condition is over")
    async with story.users(clients=1) as load:
        await eventually(lambda: load.snapshot().requests > 20, why="users are answered again")
        assert complaints(load.snapshot()) == 0
    for words in (
        f"ServerEnded  {stable}: the server was killed by SIGKILL; it starts again",
        f"StableNotReady  {stable} is Starting",
    ):
        await eventually(lambda words=words: words in shared.said(), why=words)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_candidate_whose_server_dies_three_times_is_sent_back(shared: Laptop) -> None:
    story = Story(shared, "dying")
    stable = await story.begin()
    async with story.users(clients=2) as load:
        candidate = await story.start(Move.ABORTED)
        await story.until(lambda s: s.phase is Phase.CANARY, why="it takes traffic")
        dead: set[int] = set()
        for _ in range(3):
            await eventually(lambda: shared.records().get(candidate, 0) not in {0, *dead}, why="it runs")
            pid = shared.records()[candidate]
            dead.add(pid)
            psutil.Process(pid).kill()
        end = await shared.end(candidate, story.ref)
        assert end.code == 3
        assert "died 3 times" in end.message
        assert story.status.rollout
        assert story.status.rollout.outcome is Outcome.CANDIDATE_LOST
        before = load.snapshot().revisions[stable].requests
        await eventually(
            lambda: load.snapshot().revisions[stable].requests > before + 20, why="stable serves"
        )
        assert load.snapshot().revisions[stable].failures == 0
    log = shared.state / "logs" / f"{candidate}.log"
    await eventually(log.exists, why="its log is kept for whoever wants to know why")


@pytest.mark.asyncio(loop_scope="module")
async def test_envoy_that_was_killed_comes_back_and_the_broken_interval_does_not_count(
    shared: Laptop,
) -> None:
    story = Story(shared, "routed")
    await story.begin()
    async with story.users(clients=2) as load:
        candidate = await story.start(Move.PROMOTED)
        await story.until(lambda s: _intervals(s) >= 2, why="evidence is counted")
        dead, before = shared.records()["envoy"], _intervals(story.status)
        psutil.Process(dead).kill()
        await eventually(lambda: shared.records()["envoy"] != dead, why="another Envoy runs")
        served = load.snapshot().requests
        await eventually(lambda: load.snapshot().requests > served + 50, why="users are answered again")
        await story.until(lambda s: _intervals(s) >= before + 2, why="evidence is counted again")
        known = story.status.rollout
        assert known
        evidence = known.evidence[0]
        assert evidence.dropped_intervals >= 1
        assert evidence.candidate_failures == evidence.stable_failures == 0
        assert evidence.candidate_requests <= load.snapshot().revisions[candidate].requests
        assert story.status.candidate == candidate
    words = "RouterEnded  envoy: the server was killed by SIGKILL"
    await eventually(lambda: words in shared.said(), why=words)


@pytest.mark.asyncio(loop_scope="module")
async def test_changing_a_timeout_replaces_the_server_without_a_failed_request(shared: Laptop) -> None:
    """The server's command line changes, its revision does not: there is no rollout, and no gap either."""
    story = Story(shared, "patient")
    file = story.good()
    story.apply(file)
    stable = await shared.live(story.ref)
    first = shared.records()[stable]
    async with story.users() as load:
        story.apply(file, traffic={"timeouts": {"request": "7s"}})
        await eventually(lambda: shared.records()[stable] != first, why="another server took over")
        await eventually(lambda: not psutil.pid_exists(first), why="the old one ends")
        assert story.status.stable == stable
        assert complaints(load.snapshot()) == 0
    assert sum(stable in " ".join(process.cmdline()) for process in shared.running()) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_the_file_under_a_running_model_may_change_without_any_effect_but_a_word(
    shared: Laptop,
) -> None:
    story = Story(shared, "overwritten")
    file = story.good()
    story.apply(file)
    stable = await shared.live(story.ref)
    models.save(models.bad(1), file)
    await story.until(lambda s: _degraded(s) == "ModelContentChanged", why="the condition says it")
    condition = story.status.condition("Degraded")
    assert condition
    assert "is not served: give it a new uri, or pin spec.model.sha256" in condition.message
    await eventually(lambda: "ModelContentChanged" in shared.said(), why="it is said as well")
    dead = shared.records()[stable]
    psutil.Process(dead).kill()
    await eventually(lambda: shared.records()[stable] != dead, why="another process serves")
    await shared.live(story.ref)
    async with story.users(clients=1) as load:
        await eventually(lambda: load.snapshot().requests > 2 * models.ROWS, why="every row was asked for")
        assert complaints(load.snapshot()) == 0, "the new content fails on some rows, the old one on none"


async def test_requests_under_way_are_answered_before_the_router_goes(laptop: Laptop) -> None:
    await laptop.up()
    story = Story(laptop)
    story.apply(models.save(models.slow(2_000), laptop.folder / "slow.onnx"), rollout=QUICK)
    await laptop.live()
    async with story.users(clients=2) as load:
        await eventually(lambda: load.snapshot().requests > 2, why="the model answers")
        assert await laptop.down() == 0
        tally = load.snapshot()
        assert tally.lost == tally.timed_out == 0
        assert all(counts.failures == 0 for counts in tally.revisions.values()), tally
    assert laptop.leftovers() == []


async def test_asked_twice_fairway_waits_for_no_request(laptop: Laptop) -> None:
    await laptop.up()
    story = Story(laptop)
    story.apply(models.save(models.slow(100_000_000), laptop.folder / "slow.onnx"), rollout=QUICK)
    await laptop.live()
    async with story.users(clients=1) as load:
        await eventually(lambda: _busy(laptop.records()[story.status.stable or ""]), why="it is at work")
        assert laptop.process
        laptop.process.send_signal(signal.SIGINT)
        await eventually(lambda: "once more ends them" in laptop.said(), why="it says how to insist")
        began = time.monotonic()
        assert await laptop.down() == 0
        assert time.monotonic() - began < 4.0, "a request takes a minute, and the model is killed"
        assert load.snapshot().requests <= 1
    assert laptop.leftovers() == []


def _busy(pid: int) -> bool:
    return psutil.Process(pid).cpu_times().user > 1.5


def _degraded(status: Status) -> str:
    condition = status.condition("Degraded")
    return condition.reason if condition and condition.status.value == "True" else ""


def _intervals(status: Status) -> int:
    return status.rollout.evidence[0].intervals if status.rollout and status.rollout.evidence else 0
