"""A real web server with TLS on loopback, whose connections, lengths and answers can be spoiled."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from fairway.fetch.protocols import Access

CHUNK = 4096


@dataclass
class WebServer:
    """Serves what it is given.

    Attributes:
        files: content by path.
        redirects: where a path leads to instead.
        cut_after: bytes after which each of the next connections is cut; used up one by one.
        promise_more: bytes that a whole answer promises and never brings; less than none to hold some back.
        tags: whether content is named by an ETag.
        ranges: whether an answer may begin in the middle.
        password: the value of Authorization that is asked for; "" for none.
        busy: how many of the next requests are answered with 503.
        hold_after: bytes after which answers wait for `go_on`, with `held` set; None for never.
        change_to: content that replaces every file as soon as a connection was cut.
        asked: the headers of every request.
    """

    url: str
    access: Access
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    promise_more: int = 0
    tags: bool = True
    ranges: bool = True
    password: str = ""
    busy: int = 0
    hold_after: int | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    change_to: bytes | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.headers))
        if self.busy:
            self.busy -= 1
            return web.Response(status=503)
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        if self.password and request.headers.get("Authorization") != self.password:
            return web.Response(status=401)
        content = self.files.get(request.path)
        if content is None:
            return web.Response(status=404)
        return await self._send(request, content)

    async def _send(self, request: web.Request, content: bytes) -> web.StreamResponse:
        tag = f'"{hash(content)}"'
        start = self._start(request, tag)
        if start >= len(content) > 0:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        response = web.StreamResponse(status=206 if start else 200)
        if self.tags:
            response.headers["ETag"] = tag
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        response.content_length = len(content) - start + self.promise_more
        await response.prepare(request)
        cut = self.cut_after.pop(0) if self.cut_after else None
        rest = content[start:] if cut is None else content[start : start + cut]
        step = max(CHUNK, len(content) // 256)
        for first in range(0, len(rest), step):
            if self.hold_after is not None and first >= self.hold_after:
                self.held.set()
                await self.go_on.wait()
            await response.write(rest[first : first + step])
        if cut is not None or self.promise_more > 0:
            if self.change_to is not None:
                self.files = dict.fromkeys(self.files, self.change_to)
            assert request.transport is not None
            request.transport.close()
        return response

    def _start(self, request: web.Request, tag: str) -> int:
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        same = request.headers.get("If-Range") == tag
        return int(wanted[1]) if wanted and same and self.ranges else 0


@asynccontextmanager
async def serving(certificates: Path) -> AsyncIterator[WebServer]:
    """A server until the end of the block."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    server = WebServer("", Access({"CA_CERTIFICATES": (certificates / "ca.crt").read_text()}))
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    server.url = f"https://localhost:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
