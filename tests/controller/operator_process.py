"""The operator as a process of its own, so that it can be killed as the kernel kills: at once, and for good.

The processes are forked from one that has imported everything: a start costs milliseconds and not seconds.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from controller.proxy import FaultProxy
from fairway.controller.app import OperatorApp
from fairway.controller.connection import load_connection
from fairway.controller.logs import configure_logs
from fairway.controller.settings import PREFIX, Settings, load_settings

_FORKS = multiprocessing.get_context("forkserver")


@dataclass
class OperatorProcess:
    """One operator after the other: the next one starts when the last one is gone, as a kubelet has it.

    Attributes:
        lives: how many have been started.
        exits: how each of them ended; -9 for one that was killed.
        log: what they all said.
    """

    settings: Settings
    proxy: FaultProxy
    router_port: int
    log: Path
    lives: int = 0
    exits: list[int | None] = field(default_factory=list)
    _process: BaseProcess | None = None

    def kill(self) -> None:
        """SIGKILL; what it still had on the wire is not let through either."""
        assert self._process is not None
        self.proxy.dead = True
        self._process.kill()

    async def keep_running(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.lives += 1
                self._process = _FORKS.Process(
                    target=_serve, args=(_environment(self.settings), self.router_port, self.log), daemon=True
                )
                self._process.start()
                while self._process.is_alive():
                    await asyncio.sleep(0.01)
                self.exits.append(self._process.exitcode)
                self.proxy.dead = False
        finally:
            if self._process is not None:
                self._process.kill()
                self._process.join()


@asynccontextmanager
async def killable(
    settings: Settings, proxy: FaultProxy, router_port: int, log: Path
) -> AsyncIterator[OperatorProcess]:
    """An operator that is started again whenever it ends."""
    _prepare_forks()
    found = OperatorProcess(settings, proxy, router_port, log)
    task = asyncio.create_task(found.keep_running())
    try:
        yield found
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _prepare_forks() -> None:
    """Python 3.11 imports nothing ahead of time that is not on the path of a fresh interpreter."""
    _FORKS.set_forkserver_preload(["controller.operator_process"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        ensure_running()


def _environment(settings: Settings) -> dict[str, str]:
    """As a Deployment would give them to its pod."""
    given = settings.model_dump(mode="json", exclude_unset=True)
    return {
        f"{PREFIX}{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }


def _serve(environment: dict[str, str], router_port: int, log: Path) -> None:
    """What `python -m fairway.controller` does, with the port of the routers' stand-ins."""
    threading.Thread(target=_end_with_the_test, daemon=True).start()
    os.environ.update(environment)
    with log.open("a") as sys.stderr:
        settings = load_settings()
        configure_logs(settings.log_level, sys.stderr)
        asyncio.run(_run(OperatorApp(settings, load_connection(settings.kubeconfig), router_port)))


def _end_with_the_test() -> None:
    """Nobody else ends an operator whose test was killed."""
    test = multiprocessing.parent_process()
    assert test is not None
    test.join()
    os._exit(1)


async def _run(app: OperatorApp) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    await app.run()
