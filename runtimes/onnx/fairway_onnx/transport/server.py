"""uvicorn as we run it: our socket, our signals, and a stop that loses no request."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from fairway_onnx.transport.activity import Activity
from fairway_onnx.transport.app import App
from fairway_onnx.transport.listener import BACKLOG

KEEP_ALIVE_SECONDS = 3660
"""Longer than the hour after which Envoy drops an idle connection: the router must be the one that closes it,
else it may send a request into a connection that we are just closing."""

QUIET_SECONDS = 1.0
"""A stop ends early when no request has come for this long."""

_LOOK_EVERY_SECONDS = 0.02


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the process handles them."""
        yield


class HttpServer:
    """Serves an application on a bound socket until told to drain."""

    def __init__(self, app: App, activity: Activity) -> None:
        self._activity = activity
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )

    async def serve(self, listener: socket.socket) -> None:
        """Accept and answer until `close`."""
        await self._server.serve(sockets=[listener])

    async def drain(self, seconds: float) -> bool:
        """Keep answering, each answer the last on its connection, until the clients have gone elsewhere.

        A client may have sent a request before it could know of the stop, so idle connections are not cut:
        each is let go by an answer with `connection: close`.

        Args:
            seconds: at most this long.

        Returns:
            Whether every request was answered in that time.
        """
        self._activity.closing = True
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            connected = bool(self._server.server_state.connections)
            if not self._activity.in_flight and (not connected or self._activity.quiet_for(QUIET_SECONDS)):
                return True
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return not self._activity.in_flight

    def close(self) -> None:
        """Accept nothing more and end `serve` once the answers under way are written."""
        self._server.should_exit = True
