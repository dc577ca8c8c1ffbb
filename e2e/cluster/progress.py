"""What a person reads while something takes minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    sys.stderr.write(f"cluster: {text}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a step, and how long it took."""
    begin = time.monotonic()
    say(f"{what} …")
    try:
        yield
    except BaseException:
        say(f"{what}: failed after {time.monotonic() - begin:.1f} s")
        raise
    say(f"{what}: {time.monotonic() - begin:.1f} s")
