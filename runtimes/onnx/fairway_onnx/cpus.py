"""How many CPUs this process may use: by the kernel and the container's quota, not by the node's size."""

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus() -> int:
    """At least 1; a quota of 1.5 CPUs counts as 1."""
    allowed = len(os.sched_getaffinity(0))
    try:
        text = _QUOTA.read_text()
    except OSError:
        return allowed
    return max(1, min(allowed, quota_cpus(text) or allowed))


def quota_cpus(cpu_max: str) -> int | None:
    """Whole CPUs that a cgroup v2 `cpu.max` grants; None without a limit.

    Source: Linux, Documentation/admin-guide/cgroup-v2.rst, "cpu.max": "$MAX $PERIOD" in microseconds.
    """
    quota, _, period = cpu_max.partition(" ")
    if quota == "max" or not period:
        return None
    return max(1, int(quota) // int(period))
