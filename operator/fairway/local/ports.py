"""Chooses listener ports on a laptop."""

from __future__ import annotations

import socket

FIRST_PORT = 8080
LAST_PORT = 8999


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: set[int], first: int = FIRST_PORT) -> int | None:
    """The first port that no model owns and nobody listens on; None when there is none left."""
    candidates = range(first, max(LAST_PORT, first + 100) + 1)
    return next((port for port in candidates if port not in taken and is_free(port)), None)
