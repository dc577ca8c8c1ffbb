"""The processes of a control plane: started, waited for, and gone when the test process is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.errors import CannotStart

KEEPER = Path(__file__).with_name("keeper.py")
_POLL_SECONDS = 0.02


@dataclass
class Process:
    """One running command, with its log."""

    name: str
    log: Path
    keeper: subprocess.Popen[bytes]

    @property
    def runs(self) -> bool:
        return self.keeper.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready` holds.

        Raises:
            CannotStart: the process ended before that, or the time is over.
        """
        end = time.monotonic() + seconds
        while not ready():
            if not self.runs:
                raise CannotStart(self.name, f"ended with exit code {self.keeper.returncode}", self.log)
            if time.monotonic() > end:
                raise CannotStart(self.name, f"was not ready within {seconds:.0f} s", self.log)
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Kill it, and return when it is gone."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        self.keeper.wait()


def start(name: str, command: Sequence[str | Path], folder: Path) -> Process:
    """Run a command in the folder; what it says is appended to `<name>.log` there."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        keeper = subprocess.Popen(
            [sys.executable, "-S", "-E", str(KEEPER), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # Ctrl-C in a terminal is for the test, which then stops this in order
        )
    return Process(name, log, keeper)
