"""The agent's HTTP interface: reads only, few at a time, and no word about what went wrong inside."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from fairway.adapters.envoy_admin import get_text
from fairway.adapters.errors import AdminError, TelemetryError
from fairway.agent.report import TIMEOUT_SECONDS, Report
from fairway.agent.settings import Settings

log = structlog.get_logger()

AT_ONCE = 8
"""Requests that are worked on; more are sent away, so that a flood reaches neither Envoy nor its feeding."""


def make_app(settings: Settings, report: Report) -> web.Application:
    """`/healthz`, `/readyz`, `/state`, `/metrics`; everything else is 404."""
    routes = _Routes(settings, report)
    app = web.Application(client_max_size=1024, middlewares=[_guard(AT_ONCE)])
    app.on_response_prepare.append(_say_no_versions)
    app.router.add_get("/healthz", routes.healthz)
    app.router.add_get("/readyz", routes.readyz)
    app.router.add_get("/state", routes.state)
    app.router.add_get("/metrics", routes.metrics)
    return app


class _Routes:
    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report

    async def healthz(self, _: web.Request) -> web.Response:
        """The loop runs; nothing else of what may be wrong is cured by a restart."""
        return web.Response(text="ok\n")

    async def readyz(self, _: web.Request) -> web.Response:
        reason = await self._report.unready()
        return web.Response(text="ok\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def state(self, request: web.Request) -> web.Response:
        try:
            found = await self._report.state(counters=request.query.get("counters") == "1")
        except TelemetryError as error:
            log.warning("the counters cannot be read", trouble=str(error))
            return _error(503, "the counters cannot be read")
        return web.json_response(found)

    async def metrics(self, _: web.Request) -> web.Response:
        """Envoy's statistics as they are."""
        try:
            text = await get_text(
                self._settings.admin_socket, "/stats/prometheus", {"usedonly": ""}, TIMEOUT_SECONDS
            )
        except AdminError as error:
            log.warning("the statistics cannot be read", trouble=str(error))
            return _error(503, "the statistics cannot be read")
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _guard(at_once: int) -> Middleware:
    busy = 0

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal busy
        if busy >= at_once and request.path != "/healthz":
            return _error(503, "busy")
        busy += 1
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a request failed", path=request.path)
            return _error(500, "internal error")
        finally:
            busy -= 1

    return guard


async def _say_no_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "fairway-agent"


def _error(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)
