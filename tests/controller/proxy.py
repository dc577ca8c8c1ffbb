"""Stands between an operator and the API server: writes down what is asked, and fails on purpose."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from e2e.cluster.session import session_of, token_of

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LEASES = "/leases"
REASONS = {409: "Conflict", 422: "Invalid", 403: "Forbidden", 500: "InternalError", 410: "Gone"}


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    watch: bool

    @property
    def what(self) -> str:
        """The verb and the kind of object: `PATCH deployments`, `PUT modeldeployments/status`."""
        found = re.search(r"/namespaces/[^/]+/([^/?]+)(?:/[^/?]+)?(/status)?$", self.path)
        return f"{self.method} {found[1]}{found[2] or ''}" if found else f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it is sent to change anything at all."""
        return self.method in WRITES

    @property
    def is_write(self) -> bool:
        """Whether it is sent to change what a model is made of, or its status."""
        return self.changes and LEASES not in self.path and "/events" not in self.path


class Lost(Exception):
    """The answer never arrives; the API server has done what was asked."""


class Hung(Lost):
    """Nor does the connection end."""


Fault = Callable[[Call], web.Response | type[Lost] | None]
"""Asked about every call; None lets it pass."""


def refusal(code: int) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": REASONS.get(code, "Unknown"),
        "message": f"made to fail with {code}",
        "code": code,
    }
    # Exactly as the API server names it: with a charset lightkube takes it for somebody else's answer.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), status=code, headers=headers)


async def _at_once(_call: Call) -> None:
    return


@dataclass
class FaultProxy:
    """What was asked, and what is done about it.

    Attributes:
        calls: every call that arrived, in order.
        fault: see `Fault`.
        after_write: called when the API server has done a write, before the operator hears of it.
        delay: awaited before a call goes on.
        silent: whether this watch stays open and says nothing.
        dead: nothing is let through any more, as if the operator had been killed.
    """

    calls: list[Call] = field(default_factory=list)
    fault: Fault = lambda _call: None
    after_write: Callable[[Call], None] = lambda _call: None
    delay: Callable[[Call], Awaitable[None]] = _at_once
    silent: Callable[[Call], bool] = lambda _call: False
    dead: bool = False
    url: str = ""
    kubeconfig: Path = Path()

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]


@asynccontextmanager
async def fault_proxy(upstream: Path, folder: Path) -> AsyncIterator[FaultProxy]:
    """A proxy before the API server of this kubeconfig, and a kubeconfig that leads to it."""
    proxy = FaultProxy()
    async with session_of(upstream, signed=False) as session:
        site = web.Application(client_max_size=2**24)
        handlers: set[asyncio.Task[Any]] = set()
        site.router.add_route("*", "/{path:.*}", partial(_follow, handlers, proxy, session))
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        proxy.kubeconfig = folder / f"proxy-{runner.addresses[0][1]}.kubeconfig"
        content = yaml.safe_load(upstream.read_text())
        content["clusters"][0]["cluster"] = {"server": proxy.url}
        content["users"][0]["user"] = {"token": token_of(content)}
        proxy.kubeconfig.write_text(yaml.safe_dump(content))
        try:
            yield proxy
        finally:
            await runner.cleanup()
            await _end(handlers)


async def _follow(
    handlers: set[asyncio.Task[Any]],
    proxy: FaultProxy,
    session: aiohttp.ClientSession,
    request: web.Request,
) -> web.StreamResponse:
    """Handle one call, known to those who must end it: aiohttp leaves it alone once its client is gone."""
    task = asyncio.current_task()
    assert task is not None
    handlers.add(task)
    try:
        return await _handle(proxy, session, request)
    finally:
        handlers.discard(task)


async def _end(handlers: set[asyncio.Task[Any]]) -> None:
    for task in list(handlers):
        task.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


async def _handle(
    proxy: FaultProxy, session: aiohttp.ClientSession, request: web.Request
) -> web.StreamResponse:
    call = Call(request.method, request.path, request.query.get("watch") == "true")
    if proxy.dead:
        return _hang_up(request)
    proxy.calls.append(call)
    await proxy.delay(call)
    if proxy.dead:
        return _hang_up(request)
    fault = proxy.fault(call)
    if isinstance(fault, web.Response):
        return fault
    headers = {k: v for k, v in request.headers.items() if k in {"Authorization", "Content-Type", "Accept"}}
    body = await request.read()
    async with session.request(request.method, request.rel_url, headers=headers, data=body or None) as answer:
        if call.watch:
            return await _stream(proxy, call, request, answer)
        content = await answer.read()
        if call.changes and answer.status < 400:
            proxy.after_write(call)
        if fault is Hung:
            await asyncio.Event().wait()
        if proxy.dead or fault is Lost:
            return _hang_up(request)
        return web.Response(
            status=answer.status, body=content, headers={"Content-Type": answer.headers["Content-Type"]}
        )


async def _stream(
    proxy: FaultProxy, call: Call, request: web.Request, answer: aiohttp.ClientResponse
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    await response.prepare(request)
    async for line in answer.content:
        if proxy.dead:
            break
        if not proxy.silent(call):
            try:
                await response.write(line)
            except ConnectionError:
                break
    return response


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


def once_each(code: int | type[Lost]) -> Fault:
    """Each kind of write fails the first time that it is tried."""
    failed: set[str] = set()

    def fault(call: Call) -> web.Response | type[Lost] | None:
        if not call.is_write or call.what in failed:
            return None
        failed.add(call.what)
        return refusal(code) if isinstance(code, int) else code

    return fault


def error_line(code: int) -> bytes:
    status: dict[str, Any] = {"kind": "Status", "code": code, "message": "made to fail"}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


async def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for something in this process."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None
