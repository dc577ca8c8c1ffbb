"""Lets users' requests finish before the router goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import structlog

from fairway.adapters.envoy_admin import get_json, post
from fairway.adapters.errors import AdminError

log = structlog.get_logger()

POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
_OWN = "http.admin."
_GAUGES = r"^http\..*\.downstream_(cx|rq)_active$"


async def drain(admin_socket: Path, notice_seconds: float, limit_seconds: float) -> None:
    """Ask clients to go, then take no new ones, and wait for the answers that are still owed.

    Args:
        admin_socket: of the Envoy.
        notice_seconds: how long clients get to hear of it; nobody waits for an idle connection.
        limit_seconds: when to go in any case.
    """
    try:
        async with asyncio.timeout(limit_seconds):
            await post(admin_socket, "/healthcheck/fail", ANSWER_SECONDS)
            await _until_unused(admin_socket, notice_seconds)
            await post(admin_socket, "/drain_listeners", ANSWER_SECONDS)
            while (await _in_use(admin_socket))[1]:  # noqa: ASYNC110  Envoy tells nobody by itself
                await asyncio.sleep(POLL_SECONDS)
    except (AdminError, TimeoutError) as error:
        log.warning("the router goes without having been emptied", error=repr(error))


async def _until_unused(admin_socket: Path, seconds: float) -> None:
    """Until no client is connected, but not longer than this."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (await _in_use(admin_socket))[0] and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


async def _in_use(admin_socket: Path) -> tuple[int, int]:
    """Connections of clients, and requests that wait for an answer."""
    query = {"format": "json", "filter": _GAUGES}
    answer = await get_json(admin_socket, "/stats", query, ANSWER_SECONDS)
    stats: list[dict[str, Any]] = [s for s in answer["stats"] if not s.get("name", _OWN).startswith(_OWN)]
    connections = sum(int(s["value"]) for s in stats if s["name"].endswith("cx_active"))
    return connections, sum(int(s["value"]) for s in stats if s["name"].endswith("rq_active"))
