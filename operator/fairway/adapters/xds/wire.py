"""Bookkeeping of one ADS stream (state of the world): what Envoy asked for, was sent, and answered.

Clusters and listeners always travel as a whole, at most one message of each in flight. Routes and endpoints
travel by name, one model's routes to a message, so that a refusal names its culprit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fairway.adapters.xds.resources import Resource


@dataclass(frozen=True, slots=True)
class Push:
    """A response to Envoy; the nonce is its version too."""

    type_url: str
    resources: tuple[Resource, ...]
    nonce: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request of Envoy: a subscription, and the answer to the response of that nonce."""

    type_url: str
    names: frozenset[str] = frozenset()
    nonce: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request means.

    Attributes:
        asked: names of which Envoy wants to hear (again).
        lost: names that were sent without an answer, so that nobody knows what became of them.
        names: what the answered message was about; empty for a message about the whole world.
        refused: Envoy's words, None unless it refused that message.
    """

    asked: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    refused: str | None = None


@dataclass(slots=True)
class _Type:
    """One type of resource on this stream. Where nothing is known of a thing sent, it is not in `sent`."""

    listening: bool = False
    subscribed: frozenset[str] = frozenset()
    sent: Mapping[str, Resource] | None = None
    acknowledged: set[str] = field(default_factory=set)
    in_flight: dict[str, frozenset[str]] = field(default_factory=dict)


class Wire:
    """See the module. Methods queue messages; `take_outbox` hands them over in order."""

    def __init__(self) -> None:
        self._types: dict[str, _Type] = {}
        self._nonces = count(1)
        self._outbox: list[Push] = []

    def take_outbox(self) -> list[Push]:
        taken, self._outbox = self._outbox, []
        return taken

    def listens_to(self, type_url: str) -> bool:
        """Whether Envoy has asked for this type at all; nothing of it may be sent before."""
        return self._type(type_url).listening

    def subscribed(self, type_url: str) -> frozenset[str]:
        return self._type(type_url).subscribed

    def sent(self, type_url: str) -> Mapping[str, Resource] | None:
        """What was sent last; None when nothing was or when its fate is unknown."""
        return self._type(type_url).sent

    def in_force(self, type_url: str, world: Mapping[str, Resource]) -> bool:
        """Whether exactly this world of a type was acknowledged."""
        kind = self._type(type_url)
        return kind.sent == world and not kind.in_flight

    def reach(self, type_url: str, world: Mapping[str, Resource]) -> bool:
        """Send a whole world unless it was sent; True once it is acknowledged."""
        kind = self._type(type_url)
        if not kind.listening or kind.in_flight:
            return False
        if kind.sent == world:
            return True
        kind.sent = dict(world)
        self._send(type_url, world.values(), frozenset())
        return False

    def reach_named(self, type_url: str, resource: Resource) -> bool:
        """Send one resource, if somebody asked for it, unless it was sent; True once it is acknowledged."""
        kind = self._type(type_url)
        if (kind.sent or {}).get(resource.name) == resource:
            return resource.name in kind.acknowledged
        self.send_named(type_url, [resource])
        return False

    def send_named(self, type_url: str, resources: Iterable[Resource], *, again: bool = False) -> None:
        """Send those of the resources that changed and that somebody asked for, or `again` all of them."""
        kind = self._type(type_url)
        known = dict(kind.sent or {})
        news = [
            one for one in resources if again or (one.name in kind.subscribed and known.get(one.name) != one)
        ]
        if not news or not kind.listening:
            return
        kind.sent = known | {one.name: one for one in news}
        names = frozenset(one.name for one in news)
        kind.acknowledged -= names
        self._send(type_url, news, names)

    def receive(self, request: Request) -> Answer:
        """Take note of a request."""
        kind = self._type(request.type_url)
        kind.listening = True
        before, kind.subscribed = kind.subscribed, request.names
        self._forget(kind, before - request.names)
        asked = request.names - before
        if request.nonce not in kind.in_flight:
            # Not an answer to anything. The same names once more: a resource was dropped and taken up again
            # between two requests of Envoy, and waits.
            asked = request.names if request.names == before else asked
            self._forget(kind, asked)
            return Answer(asked=asked)
        names, lost = self._answered(kind, request.nonce)
        if request.error is None:
            kind.acknowledged |= names
            self._forget(kind, asked)
            return Answer(asked=asked, lost=lost, names=names)
        if names:
            self._forget(kind, names | asked)
        else:
            kind.sent = None
        return Answer(asked=asked, lost=lost, names=names, refused=request.error)

    def _answered(self, kind: _Type, nonce: str) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the answered message, and names of earlier messages that Envoy passed over."""
        names, lost = kind.in_flight.pop(nonce), frozenset[str]()
        for earlier in [one for one in kind.in_flight if int(one) < int(nonce)]:
            lost |= kind.in_flight.pop(earlier)
        lost -= names
        self._forget(kind, lost)
        return names, lost

    def _forget(self, kind: _Type, names: frozenset[str]) -> None:
        if names and kind.sent is not None:
            kind.sent = {name: one for name, one in kind.sent.items() if name not in names}
            kind.acknowledged -= names

    def _send(self, type_url: str, resources: Iterable[Resource], names: frozenset[str]) -> None:
        nonce = str(next(self._nonces))
        self._type(type_url).in_flight[nonce] = names
        self._outbox.append(Push(type_url, tuple(resources), nonce))

    def _type(self, type_url: str) -> _Type:
        return self._types.setdefault(type_url, _Type())
