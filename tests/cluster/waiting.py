"""Waits for a condition with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


def eventually(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)
