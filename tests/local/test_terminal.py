"""`fairway local up` on a terminal: a live view, and an end when the window is closed."""

import fcntl
import os
import re
import subprocess
import termios
from contextlib import suppress

from laptop.fairway import Laptop, command, eventually
from laptop.story import Story

ESCAPE = b"\x1b["


async def test_closing_the_window_ends_everything(laptop: Laptop) -> None:
    """The terminal is gone before Fairway hears of it: nothing can be printed any more."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    up = _start_on(theirs, laptop)
    os.close(theirs)
    shown = b""

    def shows(words: bytes) -> bool:
        nonlocal shown
        with suppress(BlockingIOError):
            shown += os.read(ours, 1 << 16)
        return words in shown

    try:
        await eventually(lambda: shows(b"nothing to serve yet"), why="the view is drawn")
        revision = await Story(laptop).begin()
        await eventually(lambda: shows(b"/v2/models/fraud/infer"), why="the view shows the model")
        assert ESCAPE in shown, "a terminal gets colours"
        assert revision.encode() in shown
        os.close(ours)
        await eventually(lambda: up.poll() is not None, why="it ends")
        assert up.returncode == 0
        assert laptop.leftovers() == []
    finally:
        up.kill()
        up.wait()


async def test_what_is_no_terminal_gets_plain_lines(laptop: Laptop) -> None:
    await laptop.up()
    await Story(laptop).begin()
    await eventually(lambda: "FirstReady" in laptop.said(), why="the event is printed")
    assert await laptop.down() == 0
    lines = laptop.said().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d (fraud|fairway)  [A-Z]\w+  \S", line) for line in lines[:-1]), lines
    assert lines[-1].startswith("stopping: ")


def _start_on(terminal: int, laptop: Laptop) -> subprocess.Popen[bytes]:
    """`fairway local up` as the leader of a session that this terminal controls."""
    return subprocess.Popen(
        command("local", "up", "--port", str(laptop.port)),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  one system call
        env={**laptop.whole_environment(), "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
    )
