"""A fixed number of threads that take work from one queue.

They are daemon threads: a run that never ends must not keep the process from ending. The standard library's
pool joins its threads at exit and so would wait for it.
"""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread


class WorkerThreads:
    """`submit` never blocks; the work must not raise."""

    def __init__(self, count: int) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        for number in range(count):
            Thread(target=self._forever, name=f"model-{number}", daemon=True).start()

    def submit(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def _forever(self) -> None:
        while True:
            self._work.get()()
