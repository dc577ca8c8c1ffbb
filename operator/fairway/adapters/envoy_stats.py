"""Reads per-revision counters of one Envoy. What they mean is measured in the tests against a real one.

model answers 2xx, 3xx     request
model answers 4xx          neither: it is the caller's fault
model answers 5xx          request and failure
model too slow             request and failure, Envoy's 504
connection dropped         request and failure, Envoy's 503
connection refused         request and failure, Envoy's 503
no endpoint                request and failure, Envoy's 503
caller gave up             neither: nobody knows what the model would have said

A gRPC answer is a 200 whatever happened; its status travels behind it and is taken for the HTTP status that
Envoy itself translates it to (INTERNAL is a 500, INVALID_ARGUMENT a 400).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.adapters.envoy_admin import get_json, identity
from fairway.adapters.errors import AdminError, TelemetryError
from fairway.core.route import Counts, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

GRPC_FAILURES = frozenset({2, 4, 12, 13, 14, 15})
"""UNKNOWN (an exception in the server), DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS:
the 5xx of gRPC. All others but OK are the caller's fault. Source: HTTP mapping in google/rpc/code.proto."""

COUNTERS = r"^cluster\..*\.(upstream_rq_(4xx|5xx|completed)|grpc\.[0-9]+)$"
GAUGES = r"^cluster\..*\.upstream_rq_(active|pending_active)$"


async def read_sample(admin_socket: Path, clusters: Mapping[str, str], timeout_seconds: float) -> Sample:
    """One reading of the counters.

    Args:
        admin_socket: of the Envoy.
        clusters: cluster name -> revision. Clusters of the same revision are added up.
        timeout_seconds: for the whole reading.

    Raises:
        TelemetryError: whatever the reason; half a reading is none.
    """
    try:
        source = identity(admin_socket)
        stats = await _stats(admin_socket, COUNTERS, timeout_seconds)
        still = identity(admin_socket)
    except AdminError as error:
        raise TelemetryError(f"counters of {admin_socket}: {error}") from error
    if source != still:
        raise TelemetryError(f"the Envoy of {admin_socket} restarted during the reading")
    counts = dict.fromkeys(clusters.values(), Counts())
    for cluster, revision in clusters.items():
        counts[revision] = _add(counts[revision], _counts(stats.get(cluster, {})))
    return Sample(source=source, counts=counts)


async def active_requests(
    admin_socket: Path, clusters: Iterable[str], timeout_seconds: float
) -> dict[str, int]:
    """Requests that wait for an answer right now, by cluster name; 0 for a cluster that Envoy does not know.

    Raises:
        TelemetryError: whatever the reason.
    """
    try:
        stats = await _stats(admin_socket, GAUGES, timeout_seconds)
    except AdminError as error:
        raise TelemetryError(f"gauges of {admin_socket}: {error}") from error
    return {cluster: sum(stats.get(cluster, {}).values()) for cluster in clusters}


def _counts(stats: Mapping[str, int]) -> Counts:
    """An absent counter was never touched.

    Envoy's own 503 to a gRPC caller is counted twice, as 5xx and as UNAVAILABLE. The larger one is exact
    while a revision is asked in one protocol; where both are mixed it may be too low, never too high.
    """
    grpc = {int(name): value for name, value in stats.items() if name.isdecimal()}
    grpc_failures = sum(value for status, value in grpc.items() if status in GRPC_FAILURES)
    grpc_faults = sum(grpc.values()) - grpc_failures - grpc.get(0, 0)
    requests = max(0, stats.get("completed", 0) - stats.get("4xx", 0) - grpc_faults)
    # The status of a gRPC answer may be counted a moment before the answer itself.
    return Counts(requests, min(requests, max(stats.get("5xx", 0), grpc_failures)))


def _add(one: Counts, other: Counts) -> Counts:
    return Counts(one.requests + other.requests, one.failures + other.failures)


async def _stats(admin_socket: Path, pattern: str, timeout_seconds: float) -> dict[str, dict[str, int]]:
    """Cluster name -> last part of the statistic's name, without `upstream_rq_` -> value."""
    query = {"format": "json", "usedonly": "", "filter": pattern}
    answer = await get_json(admin_socket, "/stats", query, timeout_seconds)
    found: dict[str, dict[str, int]] = {}
    try:
        for stat in answer["stats"]:
            if "name" not in stat:
                continue
            owner, _, counter = stat["name"].removeprefix("cluster.").rpartition(".")
            cluster = owner.removesuffix(".grpc")
            found.setdefault(cluster, {})[counter.removeprefix("upstream_rq_")] = int(stat["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise AdminError(f"/stats of {admin_socket} is not what was expected: {error!r}") from error
    return found
