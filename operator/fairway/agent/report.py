"""What the operator, the probes and Prometheus are told about this router."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from fairway.adapters.envoy_admin import get_text, identity
from fairway.adapters.envoy_stats import active_requests, read_sample
from fairway.adapters.errors import AdminError
from fairway.agent.picture import is_answered, rejection
from fairway.agent.router import RouterAgent
from fairway.agent.settings import Settings
from fairway.core.route import RouteState, Sample
from fairway.render.envoy import READY_PATH
from fairway.render.route_json import to_json

TIMEOUT_SECONDS = 2.0
LOOPBACK = "127.0.0.1"

Json = dict[str, Any]


class Report:
    """Reads only; every answer is bounded in time."""

    def __init__(self, settings: Settings, agent: RouterAgent) -> None:
        self._settings = settings
        self._agent = agent
        self._was_whole: str | None = None

    async def unready(self) -> str | None:
        """Why this router should get no clients; None when it may.

        An Envoy that once had everything stays ready while it lives: a new configuration that hangs must not
        take the working ones from the clients.
        """
        envoy = self._envoy()
        word = await self._word()
        if envoy is None or word != "LIVE":
            return f"Envoy is {word}"
        if self._was_whole != envoy:
            missing = self._missing()
            if missing is not None:
                return missing
            self._was_whole = envoy
        return await self._silent_port()

    async def state(self, *, counters: bool) -> Json:
        """Routes in force, and with `counters` what was counted, by model.

        Raises:
            TelemetryError: the counters could not be read.
        """
        models: dict[str, Json] = {key: self._model(key) for key in sorted(self._agent.keys)}
        if counters:
            sample = await self._count(models)
            return {"source": self._source(sample.source), "models": models}
        return {"source": self._source(self._envoy()), "models": models}

    async def draining(self) -> bool:
        """Whether Envoy was asked to let its clients go."""
        return await self._word() == "DRAINING"

    def _envoy(self) -> str | None:
        try:
            return identity(self._settings.admin_socket)
        except AdminError:
            return None

    async def _word(self) -> str:
        """Envoy's own word for its state; LIVE from its first configuration on until it is asked to go."""
        try:
            text = await get_text(self._settings.admin_socket, "/ready", {}, TIMEOUT_SECONDS / 2)
        except AdminError:
            return "away"
        return text.strip()

    def _source(self, envoy: str | None) -> str | None:
        return f"{self._settings.pod}/{envoy}" if envoy else None

    def _model(self, key: str) -> Json:
        state, wish = self._agent.state(key), self._agent.wishes.get(key)
        return {
            "programmed": to_json(state.programmed) if state.programmed else None,
            "rejected": rejection(wish, state) if wish else state.rejected,
        }

    async def _count(self, models: dict[str, Json]) -> Sample:
        clusters = self._agent.clusters()
        by_name = {name: name for found in clusters.values() for name in found}
        admin = self._settings.admin_socket
        sample, active = await asyncio.gather(
            read_sample(admin, by_name, TIMEOUT_SECONDS), active_requests(admin, by_name, TIMEOUT_SECONDS)
        )
        for key, model in models.items():
            model["revisions"] = {
                revision: {
                    "requests": sample.of(cluster).requests,
                    "failures": sample.of(cluster).failures,
                    "active": active[cluster],
                }
                for cluster, revision in clusters.get(key, {}).items()
            }
        return sample

    def _missing(self) -> str | None:
        if self._agent.routers == 0:
            return "Envoy is not connected"
        if self._agent.complete:
            waiting = [
                key
                for key, wish in self._agent.wishes.items()
                if not (key in self._agent.held or is_answered(wish, self._agent.state(key)))
            ]
        elif self._agent.keys:
            waiting = [key for key in self._agent.keys if self._agent.state(key) == RouteState()]
        else:
            return "what to serve is not known yet"
        return f"{len(waiting)} models are not in force yet" if waiting else None

    async def _silent_port(self) -> str | None:
        """Ask through a port of a model, as a client would: live is not the same as serving."""
        routes = (self._agent.state(key).programmed for key in sorted(self._agent.keys))
        route = next((one for one in routes if one is not None), None)
        if route is None:
            return None
        url = f"http://{LOOPBACK}:{route.port}{READY_PATH}"
        return None if await _answers(url) else "the port of a model does not answer"


async def _answers(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS / 2)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
