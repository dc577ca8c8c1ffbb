"""Ports that the kernel chose and that nobody else can take before the server does."""

from __future__ import annotations

import socket


class Port:
    """A port of the loopback address, held until `close`.

    Held means bound but not listened on: the kernel gives it to nobody else, while a server that itself asks
    for SO_REUSEPORT may bind it, and then gets all connections. So a server can also be restarted on it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()
