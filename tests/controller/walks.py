"""What a user does while the operator is killed and its writes fail: two walks, each with an end."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from controller.proxy import Call, FaultProxy
from controller.world import World, manifest

STEP = {"minDuration": "100ms", "maxDuration": "30s"}
ROLLOUT: dict[str, Any] = {
    "steps": [{"weight": 10, **STEP}, {"weight": 50, **STEP}],
    "analysis": {"interval": "100ms"},
    "bake": {"duration": "200ms"},
}
PATIENCE_SECONDS = 60.0
"""For one part of a walk on a machine that is busy with others; an undisturbed one takes a second."""


def model(letter: str) -> dict[str, Any]:
    body = manifest(letter)
    return body | {"spec": body["spec"] | {"rollout": ROLLOUT}}


@dataclass(frozen=True)
class Walk:
    """Something that a user does.

    Attributes:
        begin: brings about what the walk starts from, undisturbed.
        rest: the walk itself.
    """

    name: str
    begin: Callable[[World], Awaitable[None]]
    rest: Callable[[World], Awaitable[None]]

    @property
    def starts_from_something(self) -> bool:
        return self.begin is not _nothing


async def _nothing(_world: World) -> None:
    return


async def _deploy(world: World) -> None:
    await world.create("modeldeployments", model("a"))
    await _settled(world, "Stable", "a")


async def _deploy_and_promote(world: World) -> None:
    await _deploy(world)
    await world.change("modeldeployments", "fraud", {"spec": model("b")["spec"]})
    await _settled(world, "Stable", "b")


async def _send_back(world: World) -> None:
    """Users ask all the time, and the new content answers with nothing but errors."""
    world.busy, world.broken = 100, {"c"}
    await world.change("modeldeployments", "fraud", {"spec": model("c")["spec"]})
    await _settled(world, "RolledBack", "a")


PROMOTION = Walk("promotion", _nothing, _deploy_and_promote)
ROLLBACK = Walk("rollback", _deploy, _send_back)
WALKS = (PROMOTION, ROLLBACK)


async def _settled(world: World, phase: str, letter: str) -> None:
    """All traffic is on this content, and of others nothing runs any more."""

    def over(status: dict[str, Any]) -> bool:
        known = {r["name"]: r["sha256"][0] for r in status.get("revisions", ())}
        return status.get("phase") == phase and known.get(status.get("stable", "")) == letter

    stable = (await world.until_status(over, f"{phase} on {letter}", PATIENCE_SECONDS))["stable"]
    for kind, kept in (("deployments", "fairway-router"), ("services", "fraud")):
        for name in await world.names(kind) - {stable, kept}:
            await world.until_gone(kind, name, PATIENCE_SECONDS)


@dataclass(frozen=True, order=True)
class Write:
    """One write of a walk: the number-th of those that say the same."""

    what: str
    number: int

    def __str__(self) -> str:
        return f"{self.what} #{self.number}" if self.number > 1 else self.what


_RENEWALS = 1
"""Of the lease: there is one every two seconds, and they are all alike."""


@dataclass
class Writes:
    """Numbers what an operator writes, in all its lives, and stops at the one that is looked for.

    Attributes:
        done: all of them, in order.
        at: called when the one that is looked for comes by, before it is let through.
        call: that one, once it has come by.
    """

    wanted: Write | None = None
    at: Callable[[], None] = lambda: None
    done: list[Write] = field(default_factory=list)
    call: Call | None = None
    counts: bool = True

    def watch(self, proxy: FaultProxy) -> None:
        proxy.delay = self._came

    async def _came(self, call: Call) -> None:
        if not (call.changes and self.counts):
            return
        what = _what(call)
        number = sum(one.what == what for one in self.done) + 1
        if "leases" in what and number > _RENEWALS:
            return
        self.done.append(Write(what, number))
        if self.done[-1] == self.wanted and self.call is None:
            self.call = call
            self.at()


def _what(call: Call) -> str:
    """`PATCH deployments/fraud-12ab`; an Event and the lease by their kind alone."""
    found = re.search(r"/namespaces/[^/]+/(.+)$", call.path)
    path = found[1] if found else call.path
    kind = path.split("/")[0]
    return f"{call.method} {kind if kind in {'events', 'leases'} else path}"
