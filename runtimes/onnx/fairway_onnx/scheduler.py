"""Which run goes when: a bounded number at once, a bounded queue behind them, a deadline on every one.

Lives on the event loop's thread; only `Job.execute` happens elsewhere. A slot is free again when its run has
really ended, not when its client has given up: a model that ignores cancelling must not be started on top of
itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fairway_onnx.datatypes import Array
from fairway_onnx.errors import DeadlineError, QueueFullError, RequestError
from fairway_onnx.worker_threads import WorkerThreads

Arrays = dict[str, Array]


class Job(Protocol):
    """One run of a model: `execute` blocks a worker thread, `cancel` asks it to end early."""

    def execute(self) -> Arrays: ...

    def cancel(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Ticket:
    job: Job
    answer: asyncio.Future[Arrays]
    started: bool = False


class Scheduler:
    """Runs jobs first come, first served."""

    def __init__(self, workers: int, max_queue: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = WorkerThreads(workers)
        self._free = workers
        self._max_queue = max_queue
        self._waiting: deque[_Ticket] = deque()
        self._running: set[_Ticket] = set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def check_room(self) -> None:
        """Refuse early, before a body is decoded for nothing.

        Raises:
            QueueFullError: `max_queue` jobs wait already.
        """
        if not self._free and len(self._waiting) >= self._max_queue:
            raise QueueFullError(f"{len(self._waiting)} requests wait already, try again later")

    async def run(self, job: Job, deadline: float) -> Arrays:
        """Run one job.

        Args:
            job: what to run.
            deadline: loop time in seconds after which nobody waits for the answer.

        Raises:
            QueueFullError: no room to wait.
            DeadlineError: not done in time; it is taken out of the queue, or asked to end.
            ModelRunError: the model failed.
        """
        self.check_room()
        ticket = _Ticket(job, self._loop.create_future())
        if self._free:
            self._start(ticket)
        else:
            self._waiting.append(ticket)
        alarm = self._loop.call_at(deadline, self._give_up, ticket, _too_late)
        try:
            return await ticket.answer
        finally:
            alarm.cancel()
            if ticket.answer.cancelled():
                self._withdraw(ticket)

    def abort(self, make_error: Callable[[], RequestError]) -> int:
        """Give up on everything that waits or runs; returns how many there were."""
        tickets = [*self._running, *self._waiting]
        for ticket in tickets:
            self._give_up(ticket, make_error)
        return len(tickets)

    def _start(self, ticket: _Ticket) -> None:
        self._free -= 1
        ticket.started = True
        self._running.add(ticket)
        self._threads.submit(lambda: self._execute(ticket))

    def _execute(self, ticket: _Ticket) -> None:
        """On a worker thread."""
        try:
            result: Arrays | BaseException = ticket.job.execute()
        except BaseException as error:  # noqa: BLE001 - it is raised where the job was asked for
            result = error
        self._loop.call_soon_threadsafe(self._finish, ticket, result)

    def _finish(self, ticket: _Ticket, result: Arrays | BaseException) -> None:
        self._free += 1
        self._running.discard(ticket)
        # The client may be gone or late: setting a result on a done future would raise and lose the next
        # ones.
        if not ticket.answer.done():
            if isinstance(result, BaseException):
                ticket.answer.set_exception(result)
            else:
                ticket.answer.set_result(result)
        while self._free and self._waiting:
            self._start(self._waiting.popleft())

    def _give_up(self, ticket: _Ticket, make_error: Callable[[], RequestError]) -> None:
        if not ticket.answer.done():
            ticket.answer.set_exception(make_error())
            self._withdraw(ticket)

    def _withdraw(self, ticket: _Ticket) -> None:
        if ticket.started:
            ticket.job.cancel()
        elif ticket in self._waiting:
            self._waiting.remove(ticket)


def _too_late() -> DeadlineError:
    return DeadlineError("the request was not answered in time")
