"""What is known on disk about running servers, so that the next Fairway finds them again.

A process is recognised by its id and its command line, which names this state folder. Its start time would
not do: that is told relative to a wall clock which may be set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from fairway.adapters.atomic import write_atomically
from fairway.render.protocols import ProcessSpec

RECORD = "process.json"
MARK = "FAIRWAY_SERVER_FOLDER"
"""Environment variable that every server carries: who died between starting one and writing the record left
a server that only this tells of."""


def write_record(folder: Path, pid: int, spec: ProcessSpec, owner: str, restarts: int) -> None:
    """Remember a server.

    Raises:
        OSError: the disk is full or not writable.
    """
    record = {
        "pid": pid,
        "owner": owner,
        "restarts": restarts,
        "argv": list(spec.argv),
        "termination": str(spec.termination_file),
        "address": None if spec.address_file is None else str(spec.address_file),
        "ready": spec.ready_path,
        "fatal": sorted(spec.fatal_exit_codes),
        "drain": spec.drain_seconds,
    }
    write_atomically(folder / RECORD, json.dumps(record))


def spec_of(name: str, record: dict[str, Any]) -> ProcessSpec | None:
    """What the recorded server was started as; None when the record does not say it whole."""
    with suppress(KeyError, TypeError, ValueError):
        return ProcessSpec(
            name=name,
            argv=tuple(map(str, record["argv"])),
            termination_file=Path(record["termination"]),
            address_file=None if record["address"] is None else Path(record["address"]),
            ready_path=str(record["ready"]),
            fatal_exit_codes=frozenset(map(int, record["fatal"])),
            drain_seconds=float(record["drain"]),
        )
    return None


def read_records(folder: Path) -> dict[str, dict[str, Any]]:
    """All records under this folder, by the server's name."""
    return {p.parent.name: read_json(p) for p in folder.glob(f"*/{RECORD}")}


def living(record: dict[str, Any]) -> psutil.Process | None:
    """The recorded process, if it still runs."""
    with suppress(psutil.Error, KeyError, TypeError, ValueError):
        process = psutil.Process(int(record["pid"]))
        if process.cmdline()[1:] == record["argv"][1:] and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def strays(folder: Path) -> Iterator[psutil.Process]:
    """Servers of this folder that run and that no record tells of."""
    known = {process.pid for record in read_records(folder).values() if (process := living(record))}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid in known or process.uids().real != os.getuid():
                continue
            inside = Path(process.environ().get(MARK, "/")).parent == folder
            # What a server starts itself inherits the mark; only the server leads a session.
            if inside and os.getsid(process.pid) == process.pid:
                yield process


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one when there is none that can be read."""
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}
