"""An API server that misbehaves on request: faults that a real one shows only once in a while.

A small HTTP server of its own that speaks list and watch. What a well-behaved API server does is tested on a
real one in test_router_pod.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from envoy_support import HOST

Script = Callable[["ScriptedApi", web.StreamResponse], Any]


@dataclass
class ScriptedApi:
    """Objects by name, and what the next lists and watches do instead of what they should.

    Attributes:
        list_faults: HTTP statuses or bodies that the next lists are answered with.
        watch_scripts: each takes the stream of one watch; a watch without a script stays open and silent.
    """

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    list_faults: deque[int | str] = field(default_factory=deque)
    watch_scripts: deque[Script] = field(default_factory=deque)
    lists: int = 0
    watches: int = 0
    queries: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, name: str, **data: str) -> dict[str, Any]:
        self.objects[name] = {"metadata": {"name": name, "resourceVersion": "1"}, "data": data}
        return self.objects[name]

    async def send(self, stream: web.StreamResponse, kind: str, content: dict[str, Any]) -> None:
        await stream.write(json.dumps({"type": kind, "object": content}).encode() + b"\n")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        if "watch" in request.query:
            return await self._watch(request)
        self.lists += 1
        fault = self.list_faults.popleft() if self.list_faults else None
        if isinstance(fault, int):
            return web.Response(status=fault)
        if fault is not None:
            return web.Response(text=fault)
        return web.json_response(
            {"metadata": {"resourceVersion": str(self.lists)}, "items": [*self.objects.values()]}
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watches += 1
        stream = web.StreamResponse()
        await stream.prepare(request)
        if self.watch_scripts:
            await self.watch_scripts.popleft()(self, stream)
        else:
            await self.over.wait()
        return stream


@contextlib.asynccontextmanager
async def scripted_api() -> AsyncIterator[ScriptedApi]:
    api = ScriptedApi()
    app = web.Application()
    app.router.add_get("/{path:.*}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    api.url = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        api.over.set()
        await runner.cleanup()
