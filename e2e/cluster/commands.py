"""Runs the commands of a recipe, and keeps what they say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.cluster.errors import CannotMake


def run(
    step: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run one command to its end; its output is appended to the log.

    Args:
        step: what the command is for, in words; part of the error.
        env: variables on top of those of this process.
    Returns:
        What the command wrote to stdout.
    Raises:
        CannotMake: it failed, or there is no such command.
    """
    words = [str(word) for word in command]
    with log.open("a") as out:
        out.write(f"$ {' '.join(words)}\n")
        out.flush()
        try:
            done = subprocess.run(
                words,
                check=False,
                stdout=subprocess.PIPE,
                stderr=out,
                cwd=folder,
                env={**os.environ, **(env or {})},
                text=True,
                input=stdin,
            )
        except FileNotFoundError as error:
            raise CannotMake(step, f"{words[0]} is not installed", log) from error
        out.write(done.stdout)
    if not done.returncode:
        return done.stdout
    raise CannotMake(step, f"{words[0]} ended with exit code {done.returncode}", log)
