"""Lets users' requests finish before the router goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import structlog

from fairway.adapters.envoy_admin import get_json
from fairway.adapters.envoy_process import begin_drain
from fairway.adapters.errors import AdminError

log = structlog.get_logger()

POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
_OWN = "http.admin."
_GAUGES = r"^http\..*\.downstream_(cx|rq)_active$"


async def drain(admin_socket: Path, notice_seconds: float, limit_seconds: float) -> None:
    """Ask clients to go, and wait for the answers that they wait for.

    Args:
        admin_socket: of the Envoy.
        notice_seconds: how long clients get to hear of it: after that, an idle connection holds up nobody.
        limit_seconds: when to go in any case.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(limit_seconds):
            await begin_drain(admin_socket, ANSWER_SECONDS)
            while True:
                connections, requests = await _in_use(admin_socket)
                if not connections or (not requests and loop.time() - began > notice_seconds):
                    return
                await asyncio.sleep(POLL_SECONDS)
    except (AdminError, TimeoutError) as error:
        log.warning("the router goes without having been emptied", error=repr(error))


async def _in_use(admin_socket: Path) -> tuple[int, int]:
    """Connections of clients, and requests that wait for an answer."""
    query = {"format": "json", "filter": _GAUGES}
    answer = await get_json(admin_socket, "/stats", query, ANSWER_SECONDS)
    stats: list[dict[str, Any]] = [s for s in answer["stats"] if not s.get("name", _OWN).startswith(_OWN)]
    connections = sum(int(s["value"]) for s in stats if s["name"].endswith("cx_active"))
    return connections, sum(int(s["value"]) for s in stats if s["name"].endswith("rq_active"))
