"""runc for a machine whose processes may not have every capability: `python runtime_wrapper.py <arguments>`.

`--privileged` asks for all capabilities, and runc fails when one of them is outside the bounding set of the
machine. So the ones that nobody here can have are struck from what a container asks for, and runc goes on.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

# By the kernel's numbers (linux/capability.h), from 0.
# fmt: off
NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK",
    "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT",
    "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
    "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND",
    "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)
# fmt: on


def main(arguments: list[str]) -> None:
    missing = missing_capabilities(Path("/proc/self/status").read_text())
    for option, value in pairwise(arguments):
        if option == "--bundle":
            _rewrite(Path(value) / "config.json", missing)
        elif option == "--process":
            _rewrite(Path(value), missing)
    os.execvp("runc", ["runc", *arguments])


def missing_capabilities(status: str) -> frozenset[str]:
    """Capabilities outside the bounding set, as `CAP_…`; `status` is the text of /proc/self/status."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    mask = int(line.split()[1], 16)
    return frozenset(f"CAP_{name}" for bit, name in enumerate(NAMES) if not mask >> bit & 1)


def without(process: dict[str, Any], missing: frozenset[str]) -> dict[str, Any]:
    """The `process` of an OCI runtime configuration that asks for none of these capabilities."""
    sets = process.get("capabilities")
    if not sets:
        return process
    kept = {kind: [name for name in names if name not in missing] for kind, names in sets.items()}
    return {**process, "capabilities": kept}


def _rewrite(file: Path, missing: frozenset[str]) -> None:
    content = json.loads(file.read_text())
    if "process" in content:  # a whole bundle
        content["process"] = without(content["process"], missing)
    else:  # what `exec` adds to a running container
        content = without(content, missing)
    file.write_text(json.dumps(content))


if __name__ == "__main__":
    main(sys.argv[1:])
