"""Asks the routers of a namespace what is in force and what they counted.

What the answers mean for one model is pure.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from fairway.adapters.errors import TelemetryError
from fairway.adapters.kube.kinds import Obj
from fairway.core.route import Counts, Route, Sample
from fairway.render.kube.router import AGENT_PORT
from fairway.render.route_json import from_json

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class RevisionCounters:
    counts: Counts = field(default_factory=Counts)
    active: int = 0


@dataclass(frozen=True, slots=True)
class ModelOnRouter:
    """One model as one router has it."""

    programmed: Route | None = None
    rejected: str | None = None
    counters: Mapping[str, RevisionCounters] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouterReport:
    """One router's answer.

    Attributes:
        source: which process it speaks of; None while it has no Envoy.
        models: every model that it knows.
        counted: whether the counters were read.
    """

    source: str | None
    models: Mapping[str, ModelOnRouter]
    counted: bool = True

    def model(self, key: str) -> ModelOnRouter:
        return self.models.get(key, ModelOnRouter())


Reports = tuple[RouterReport | None, ...]
"""One for each ready router; None for one that did not answer."""


def parse_report(content: Any, *, counted: bool = True) -> RouterReport:
    """Read the answer of a router's agent.

    Args:
        content: the decoded JSON.
        counted: whether counters were asked for.

    Raises:
        TelemetryError: it is not what an agent answers.
    """
    try:
        return RouterReport(
            source=str(content["source"]) if content["source"] is not None else None,
            models={key: _model(model) for key, model in content["models"].items()},
            counted=counted,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TelemetryError(f"what a router answered cannot be understood: {error!r}") from error


def _model(content: Any) -> ModelOnRouter:
    programmed = content.get("programmed")
    return ModelOnRouter(
        programmed=from_json(programmed) if programmed is not None else None,
        rejected=content.get("rejected"),
        counters={name: _counters(c) for name, c in (content.get("revisions") or {}).items()},
    )


def _counters(content: Any) -> RevisionCounters:
    counts = Counts(requests=int(content["requests"]), failures=int(content["failures"]))
    return RevisionCounters(counts, int(content["active"]))


def ready_addresses(pods: Iterable[Obj]) -> tuple[str, ...]:
    """Addresses of the router pods that clients are sent to, in order."""
    return tuple(sorted(pod["status"]["podIP"] for pod in pods if _ready(pod)))


def _ready(pod: Obj) -> bool:
    status = pod.get("status", {})
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ()
    )
    return ready and "podIP" in status and "deletionTimestamp" not in pod["metadata"]


def in_force(reports: Reports, key: str) -> tuple[bool, Route | None]:
    """The route that every ready router has; the first value tells whether they agree (and all answered)."""
    if not reports or None in reports:
        return False, None
    routes = {report.model(key).programmed for report in reports if report is not None}
    return (True, routes.pop()) if len(routes) == 1 else (False, None)


def routed(reports: Reports, key: str) -> frozenset[str]:
    """Every revision that any router still has in its route."""
    routes = [report.model(key).programmed for report in reports if report is not None]
    return frozenset(b.revision for route in routes if route is not None for b in route.backends)


def rejected(reports: Reports, key: str) -> str | None:
    """The first refusal, in a router's own words."""
    words = (report.model(key).rejected for report in reports if report is not None)
    return next((word for word in words if word), None)


def sample(reports: Reports, key: str, revisions: Iterable[str]) -> Sample | None:
    """All routers' counters added up; None when one of them did not answer: half a reading is none."""
    known = _whole(reports)
    if known is None:
        return None
    source = hashlib.sha256("\n".join(sorted(str(report.source) for report in known)).encode()).hexdigest()[
        :32
    ]
    return Sample(source, {name: _sum(known, key, name) for name in revisions})


def _sum(reports: Iterable[RouterReport], key: str, revision: str) -> Counts:
    found = [report.model(key).counters.get(revision, RevisionCounters()).counts for report in reports]
    return Counts(sum(c.requests for c in found), sum(c.failures for c in found))


def active(reports: Reports, key: str, revisions: Iterable[str]) -> dict[str, int] | None:
    """Requests in flight, all routers together; None when one of them did not answer."""
    known = _whole(reports)
    if known is None:
        return None
    counters = [report.model(key).counters for report in known]
    return {name: sum(c.get(name, RevisionCounters()).active for c in counters) for name in revisions}


def _whole(reports: Reports) -> list[RouterReport] | None:
    """All answers; None when a router is missing, did not count, or there is none."""
    known = [r for r in reports if r is not None and r.counted and r.source is not None]
    return known if known and len(known) == len(reports) else None


class RouterReader:
    """Reads the state of routers over HTTP."""

    def __init__(self, port: int = AGENT_PORT) -> None:
        self._port = port
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, addresses: Iterable[str], *, counters: bool) -> Reports:
        """Ask all of them at once; one that does not answer in time is a None.

        A router that cannot count now is still asked for its routes.
        """
        return tuple(await asyncio.gather(*(self._try(address, counters=counters) for address in addresses)))

    async def _try(self, address: str, *, counters: bool) -> RouterReport | None:
        found = await self._read(address, counters=True) if counters else None
        return found or await self._read(address, counters=False)

    async def _read(self, address: str, *, counters: bool) -> RouterReport | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        host = f"[{address}]" if ":" in address else address
        try:
            url = f"http://{host}:{self._port}/state{'?counters=1' if counters else ''}"
            async with self._session.get(url) as answer:
                answer.raise_for_status()
                return parse_report(await answer.json(), counted=counters)
        except (aiohttp.ClientError, TimeoutError, ValueError, TelemetryError):
            return None
