"""The ASGI application: reads a request, asks the API, writes the reply, counts it."""

import asyncio
import os
import re
import time

import structlog

from fairway_onnx.errors import BodyTooLargeError, ClientGoneError, InternalError, RequestError
from fairway_onnx.metrics import Metrics
from fairway_onnx.rest.api import HeaderMap, RestApi
from fairway_onnx.rest.reply import Reply, error_reply
from fairway_onnx.rest.routes import Endpoint, Routes
from fairway_onnx.transport.activity import Activity
from fairway_onnx.transport.asgi_types import Receive, Scope, Send
from fairway_onnx.transport.body import linger, read_body

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

log = structlog.get_logger()


class App:
    """One request at a time goes through `__call__`; many of them are under way at once."""

    def __init__(
        self, routes: Routes, api: RestApi, metrics: Metrics, activity: Activity, timeout: float
    ) -> None:
        self._routes = routes
        self._api = api
        self._metrics = metrics
        self._activity = activity
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        with self._activity:
            headers = dict(scope["headers"])
            try:
                endpoint = self._routes.match(scope["method"], scope["path"])
                reply = None if endpoint is Endpoint.INFER else self._api.read(endpoint)
            except Exception as error:  # noqa: BLE001 - see _failed
                reply = _failed(error, headers)
            if reply is None:
                await self._infer(headers, receive, send)
            else:
                await self._write(reply, send)

    async def _infer(self, headers: HeaderMap, receive: Receive, send: Send) -> None:
        # uvloop's clock ticks in milliseconds: right for deadlines, too coarse for durations.
        started = time.perf_counter()
        deadline = self._loop.time() + self._timeout
        self._metrics.in_flight.inc()
        try:
            reply = await self._answer(headers, receive, deadline)
            self._metrics.answered(reply.status, reply.reason, time.perf_counter() - started)
            if reply.reason == BodyTooLargeError.reason:
                await self._write_then_linger(reply, headers, receive, send)
            elif reply.reason != ClientGoneError.reason:
                await self._write(reply, send)
        finally:
            self._metrics.in_flight.dec()

    async def _answer(self, headers: HeaderMap, receive: Receive, deadline: float) -> Reply:
        try:
            self._api.check_before_body(headers)
            body = await read_body(headers, receive, self._api.max_body_bytes, deadline)
            return await self._api.infer(body, deadline)
        except Exception as error:  # noqa: BLE001 - see _failed
            return _failed(error, headers)

    async def _write(self, reply: Reply, send: Send) -> None:
        await self._start(reply, send, closing=self._activity.closing)
        await send({"type": "http.response.body", "body": reply.body})

    async def _write_then_linger(
        self, reply: Reply, headers: HeaderMap, receive: Receive, send: Send
    ) -> None:
        await self._start(reply, send, closing=True)
        await send({"type": "http.response.body", "body": reply.body, "more_body": True})
        if b"expect" not in headers:
            await linger(receive)
        await send({"type": "http.response.body", "body": b""})

    async def _start(self, reply: Reply, send: Send, *, closing: bool) -> None:
        headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
        if closing:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})


def _failed(error: Exception, headers: HeaderMap) -> Reply:
    """The answer to a failed request; what is no RequestError is a fault of ours, told to the log alone."""
    request_id = _request_id(headers)
    if not isinstance(error, RequestError):
        log.error("internal_error", request_id=request_id, exc_info=error)
        return error_reply(InternalError("internal error"), request_id)
    if error.status == 500:
        log.error("request_failed", reason=error.reason, request_id=request_id, cause=repr(error.__cause__))
    return error_reply(error, request_id)


def _request_id(headers: HeaderMap) -> str:
    """The caller's x-request-id when it is harmless in a log, else a new one."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
