"""The termination log: why the process gave up, for whoever started it.

Source: Kubernetes reads at most 4096 bytes of a container's termination message,
https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/.
"""

from pathlib import Path

import orjson

MAX_BYTES = 4096


def termination_message(reason: str, message: str) -> bytes:
    """JSON of at most MAX_BYTES; the message is cut, the JSON stays whole."""
    while len(written := orjson.dumps({"reason": reason, "message": message})) > MAX_BYTES:
        # Each character takes at least one byte, so this overshoot is never too small to help.
        message = message[: -max(1, (len(written) - MAX_BYTES) // 6)]
    return written


def write_termination_log(path: Path, reason: str, message: str) -> None:
    """Write it.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(termination_message(reason, message))
