"""A small HTTP server that answers each request as a test says, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from enum import Enum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Instead(Enum):
    """What may happen in place of an answer."""

    HANG_UP = "the connection is dropped"
    SILENCE = "nothing comes, ever"


Reply = list[bytes] | Instead


def reply(status: int = 200, revision: str = "", label: int = 0, *, close: bool = False) -> list[bytes]:
    """One answer in one piece."""
    body = json.dumps({"outputs": [{"name": "label", "data": [label]}]}).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"X-Fairway-Revision: {revision}"] if revision else []
    lines += ["Connection: close"] if close else []
    return ["\r\n".join([*lines, "", ""]).encode() + body]


class ScriptedServer:
    """Call `script(number of the request, from 0; its body)` for every request and send what it returns."""

    def __init__(self, script: Callable[[int, bytes], Reply]) -> None:
        self.port = 0
        self.bodies: list[bytes] = []
        self.connections: list[asyncio.Transport] = []
        self._script = script

    def next_reply(self, body: bytes) -> Reply:
        self.bodies.append(body)
        return self._script(len(self.bodies) - 1, body)


class _Connection(asyncio.Protocol):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.append(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        self._answer(self._server.next_reply(body))

    def _answer(self, what: Reply) -> None:
        if what is Instead.HANG_UP:
            self._transport.abort()
        elif isinstance(what, list):
            self._write(what)

    def _write(self, pieces: list[bytes]) -> None:
        """One piece in each turn of the loop, so that they travel apart."""
        self._transport.write(pieces[0])
        if pieces[1:]:
            asyncio.get_running_loop().call_later(0.002, self._write, pieces[1:])


@asynccontextmanager
async def serving(script: Callable[[int, bytes], Reply], port: int = 0) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(script)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(scripted), "127.0.0.1", port)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        for transport in scripted.connections:
            transport.abort()
        server.close()
        await server.wait_closed()


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true in time.
    """
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
