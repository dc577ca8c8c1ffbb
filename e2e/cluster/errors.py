"""What can go wrong with a cluster for tests.

ClusterError
├── CannotMake        a binary or image could not be made; names the step and its log
├── CannotStart       a part did not come up; carries the end of its log
└── NotPossibleHere   this machine lacks something, or this provider cannot do it
"""

from __future__ import annotations

from pathlib import Path

_LAST_LINES = 25


class ClusterError(Exception):
    """Root of this tree."""


class CannotMake(ClusterError):
    def __init__(self, step: str, why: str, log: Path) -> None:
        super().__init__(f"{step}: {why}; its log is {log}, and ends with\n{tail(log)}")


class CannotStart(ClusterError):
    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name} {why}; its log is {log}, and ends with\n{tail(log)}")


class NotPossibleHere(ClusterError):
    pass


def tail(log: Path, lines: int = _LAST_LINES) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (nothing)"
