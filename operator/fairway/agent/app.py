"""Puts the agent together, and ends it after its Envoy."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import structlog
from aiohttp import web

from fairway.agent.report import Report
from fairway.agent.router import RouterAgent
from fairway.agent.settings import Settings
from fairway.agent.web import make_app

log = structlog.get_logger()

KEEP_ALIVE_SECONDS = 15.0
_POLL_SECONDS = 0.1


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM, and then for as long as Envoy drains: its last clients need living servers too.

    Raises:
        XdsError: another agent runs, or the socket cannot be taken.
        OSError: the port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    agent = RouterAgent(settings)
    report = Report(settings, agent)
    runner = web.AppRunner(
        make_app(settings, report),
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        handle_signals=False,
    )
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    log.info("the agent serves", port=settings.port, namespace=settings.namespace)
    work = asyncio.create_task(agent.run())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await _outlive_envoy(settings, agent, report)
    finally:
        stopped.cancel()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await runner.cleanup()


async def _outlive_envoy(settings: Settings, agent: RouterAgent, report: Report) -> None:
    """Wait until Envoy is gone, if it goes.

    The hook that drains Envoy starts when SIGTERM comes, and takes a moment; an agent that is restarted alone
    waits for it in vain, and serves meanwhile.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.linger_seconds):
            while agent.routers and not await report.draining():  # noqa: ASYNC110  Envoy sends no event
                await asyncio.sleep(_POLL_SECONDS)
    if not agent.routers or not await report.draining():
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_seconds + settings.linger_seconds):
            while agent.routers:  # noqa: ASYNC110  Envoy sends no event
                await asyncio.sleep(_POLL_SECONDS)
