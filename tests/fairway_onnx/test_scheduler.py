"""Bounded runs, a bounded queue and deadlines, with jobs that end when the test says so."""

import asyncio
import threading

import numpy as np
import pytest

from fairway_onnx.datatypes import Array
from fairway_onnx.errors import DeadlineError, ModelRunError, QueueFullError, StoppingError
from fairway_onnx.scheduler import Scheduler

RESULT = {"y": np.zeros(1)}


class HeldJob:
    """Runs until `let_go`; remembers whether it was started and cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self._go = threading.Event()
        self._error = error
        self.started = threading.Event()
        self.cancelled = False

    def execute(self) -> dict[str, Array]:
        self.started.set()
        assert self._go.wait(10)
        if self._error is not None:
            raise self._error
        return RESULT

    def cancel(self) -> None:
        self.cancelled = True

    def let_go(self) -> None:
        self._go.set()

    async def until_started(self) -> None:
        assert await asyncio.to_thread(self.started.wait, 10)


def in_seconds(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def start(scheduler: Scheduler, job: HeldJob, seconds: float = 10) -> asyncio.Task[dict[str, Array]]:
    return asyncio.create_task(scheduler.run(job, in_seconds(seconds)))


async def test_runs_first_come_first_served_within_the_number_of_workers() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    jobs = [HeldJob() for _ in range(3)]
    tasks = [start(scheduler, job) for job in jobs]
    await jobs[0].until_started()
    assert scheduler.waiting == 2
    for job, task in zip(jobs, tasks, strict=True):
        await job.until_started()
        assert [other.started.is_set() for other in jobs].count(True) == jobs.index(job) + 1
        job.let_go()
        assert await task == RESULT


async def test_refuses_what_finds_no_room_to_wait() -> None:
    scheduler = Scheduler(workers=1, max_queue=1)
    running, waiting = HeldJob(), HeldJob()
    tasks = [start(scheduler, running), start(scheduler, waiting)]
    await running.until_started()
    with pytest.raises(QueueFullError):
        await scheduler.run(HeldJob(), in_seconds(10))
    with pytest.raises(QueueFullError):
        scheduler.check_room()
    running.let_go()
    waiting.let_go()
    assert await asyncio.gather(*tasks) == [RESULT, RESULT]
    scheduler.check_room()


async def test_a_request_that_is_late_in_the_queue_never_runs() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    running, late = HeldJob(), HeldJob()
    first = start(scheduler, running)
    await running.until_started()
    with pytest.raises(DeadlineError):
        await scheduler.run(late, in_seconds(0.01))
    assert scheduler.waiting == 0
    running.let_go()
    await first
    assert not late.started.is_set()


async def test_a_late_run_is_cancelled_and_holds_its_place_until_it_has_ended() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    stubborn, next_one = HeldJob(), HeldJob()
    with pytest.raises(DeadlineError):
        await scheduler.run(stubborn, in_seconds(0.01))
    assert stubborn.cancelled
    second = start(scheduler, next_one)
    await asyncio.sleep(0)
    assert (scheduler.waiting, next_one.started.is_set()) == (1, False)
    stubborn.let_go()
    next_one.let_go()
    assert await second == RESULT


async def test_an_error_belongs_to_its_own_request_alone() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    failing, fine = HeldJob(ModelRunError("model execution failed")), HeldJob()
    first, second = start(scheduler, failing), start(scheduler, fine)
    failing.let_go()
    fine.let_go()
    with pytest.raises(ModelRunError):
        await first
    assert await second == RESULT


async def test_a_cancelled_request_leaves_its_neighbours_alone() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    jobs = [HeldJob() for _ in range(4)]
    tasks = [start(scheduler, job) for job in jobs]
    await jobs[0].until_started()
    tasks[0].cancel()
    tasks[2].cancel()
    for job in jobs:
        job.let_go()
    assert await tasks[1] == RESULT
    assert await tasks[3] == RESULT
    assert jobs[0].cancelled
    assert not jobs[2].started.is_set()


async def test_abort_answers_everything_at_once() -> None:
    scheduler = Scheduler(workers=1, max_queue=5)
    running, waiting = HeldJob(), HeldJob()
    tasks = [start(scheduler, running), start(scheduler, waiting)]
    await running.until_started()
    assert scheduler.abort(lambda: StoppingError("stopping")) == 2
    for task in tasks:
        with pytest.raises(StoppingError):
            await task
    running.let_go()
    assert running.cancelled
    assert not waiting.started.is_set()
