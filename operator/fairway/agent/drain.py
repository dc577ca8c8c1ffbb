"""Lets the clients of a router that goes find another one. Runs as the hook that Kubernetes waits for.

It is a command beside Envoy, not something the agent does when it is asked to end: an agent that is restarted
alone must leave a router behind that serves, and a router must drain even when its agent is dead.
"""

from __future__ import annotations

import asyncio

import structlog

from fairway.adapters.envoy_process import begin_drain, wait_until_idle
from fairway.adapters.errors import AdminError
from fairway.agent.settings import Settings

log = structlog.get_logger()

ADMIN_TIMEOUT_SECONDS = 2.0


async def drain(settings: Settings) -> bool:
    """Ask the clients to go, and wait until they went; False when some still were there at the end.

    `settle_seconds` pass in any case: until every node has heard that this router is leaving, new clients
    come, and are served. An Envoy that does not answer has nothing to lose and is not waited for.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.drain_seconds
    try:
        await begin_drain(settings.admin_socket, ADMIN_TIMEOUT_SECONDS)
        await asyncio.sleep(min(settings.settle_seconds, settings.drain_seconds))
        gone = await wait_until_idle(settings.admin_socket, max(0.1, end - loop.time()))
    except AdminError as error:
        log.warning("there is nothing to drain", trouble=str(error))
        return True
    if not gone:
        log.warning("clients are still connected", waited_seconds=settings.drain_seconds)
    return gone
