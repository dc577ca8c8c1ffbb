"""Runs one command for as long as whoever asked for it lives: `python keeper.py command…`.

Standard input is the lifeline. Its other end is held by the process that wants the command; when that closes
it, or is ended in any way, the command is killed at once. If the keeper is killed, the kernel kills the
command where it can (Linux). Nothing that these commands hold is worth a farewell.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1


def main() -> int:
    news, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    keeper = os.getpid()
    process = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: _die_with(keeper),  # noqa: PLW1509 (there are no threads here)
    )
    while process.poll() is None:
        ready, _, _ = select.select([sys.stdin, news], [], [])
        if sys.stdin in ready:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            os.read(news, 64)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _die_with(keeper: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it was killed before the line above
            os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main())
