"""Which addresses may be sent requests, as the EndpointSlices of a revision's Service say. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fairway.adapters.xds.resources import Endpoint
from fairway.render.kube.labels import SERVICE_NAME

PORT_NAME = "http"
_ADDRESS_TYPES = frozenset({"IPv4", "IPv6"})


@dataclass(frozen=True, slots=True)
class Slice:
    """What an EndpointSlice says: of which Service, and where it can be reached now."""

    service: str
    endpoints: frozenset[Endpoint]


def read_slice(content: dict[str, Any]) -> Slice | None:
    """The part that matters; None for a slice without a Service, or whose addresses Envoy cannot dial.

    A single odd entry is left out, not the slice with it: the others can be served.
    """
    labels = (content.get("metadata") or {}).get("labels") or {}
    service = labels.get(SERVICE_NAME)
    if service is None or content.get("addressType") not in _ADDRESS_TYPES:
        return None
    port = _port(content.get("ports") or [])
    ready = [one for one in content.get("endpoints") or [] if is_usable(one.get("conditions") or {})]
    found = {_endpoint(address, port) for one in ready for address in (one.get("addresses") or [])[:1]}
    return Slice(service, frozenset(found - {None}))  # type: ignore[arg-type]  # None was just taken out


def is_usable(conditions: dict[str, Any]) -> bool:
    """Whether new requests may go there. An absent `ready` means ready (EndpointSlice API, v1).

    A server that is about to end is still reachable for seconds; it gets nothing new.
    """
    return conditions.get("ready") is not False and not conditions.get("terminating")


def by_service(slices: Iterable[Slice]) -> dict[str, tuple[Endpoint, ...]]:
    """All endpoints of each Service, sorted: the same servers in other slices are no change."""
    found: dict[str, set[Endpoint]] = {}
    for one in slices:
        found.setdefault(one.service, set()).update(one.endpoints)
    return {name: tuple(sorted(ends, key=lambda one: (one.host, one.port))) for name, ends in found.items()}


def _port(ports: list[dict[str, Any]]) -> int | None:
    """The port named `http`, or the only one there is."""
    named = [one for one in ports if one.get("name") == PORT_NAME]
    chosen = named or (ports if len(ports) == 1 else [])
    return chosen[0].get("port") if chosen else None


def _endpoint(address: Any, port: int | None) -> Endpoint | None:
    if port is None:
        return None
    with suppress(ValueError):
        return Endpoint(str(ipaddress.ip_address(address)), port)
    return None
