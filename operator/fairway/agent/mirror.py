"""A copy of some objects of the cluster's API that never gives up: list, watch, and list again.

Every watch begins with a list, and ends after some minutes: whatever was missed or misread is put right then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import structlog

from fairway.agent.errors import ApiError
from fairway.agent.kube_api import Collection, Conversation, Event, KubeApi

log = structlog.get_logger()

Parsed = TypeVar("Parsed")

WATCH_SECONDS = (240, 300)
FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 5.0
"""A watch that lived this long was no failure, however it ended."""


class Mirror(Generic[Parsed]):
    """Objects by name, each as `parse` understood it. What it returns None for is not kept.

    Attributes:
        objects: as they are now; replaced, never changed, so that a reader keeps what it read.
        complete: a whole list was seen at least once. `objects` before that are not the world.
    """

    def __init__(
        self,
        api: KubeApi,
        collection: Collection,
        parse: Callable[[dict[str, Any]], Parsed | None],
        on_change: Callable[[], None],
    ) -> None:
        self.objects: Mapping[str, Parsed] = {}
        self.complete = asyncio.Event()
        self._api = api
        self._collection = collection
        self._parse = parse
        self._on_change = on_change

    async def run(self) -> None:
        """Follow the API for ever; it being away is a matter of waiting."""
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            began = clock()
            try:
                await self._follow()
                trouble = None
            except ApiError as error:
                trouble = str(error)
            except Exception as error:
                log.exception("the API said what nobody thought of", path=self._collection.path)
                trouble = repr(error)
            failures = 0 if clock() - began > STEADY_SECONDS else failures + 1
            wait = backoff_seconds(failures, random.random())  # noqa: S311  spreads load, hides nothing
            if trouble is not None:
                log.warning(
                    "the API will be asked again", path=self._collection.path, trouble=trouble, wait=wait
                )
            await asyncio.sleep(wait)

    async def _follow(self) -> None:
        async with self._api.connect() as conversation:
            items, version = await conversation.list(self._collection)
            self._replace(items)
            await self._watch(conversation, version)

    async def _watch(self, conversation: Conversation, version: str) -> None:
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311  so that routers do not all list at once
        async for event in conversation.watch(self._collection, version, seconds):
            self._take(event)

    def _replace(self, items: list[dict[str, Any]]) -> None:
        parsed = {_name(one): self._parse(one) for one in items}
        found = {name: one for name, one in parsed.items() if one is not None}
        changed = found != self.objects or not self.complete.is_set()
        self.objects = found
        self.complete.set()
        if changed:
            self._on_change()

    def _take(self, event: Event) -> None:
        if event.type == "BOOKMARK":
            return
        name = _name(event.object)
        parsed = None if event.type == "DELETED" else self._parse(event.object)
        if parsed == self.objects.get(name):
            return
        rest = {key: one for key, one in self.objects.items() if key != name}
        self.objects = rest if parsed is None else {**rest, name: parsed}
        self._on_change()


def backoff_seconds(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row.

    Args:
        failures: 0 for none.
        chance: in [0, 1); spreads routers that lost the API at the same moment.
    """
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16))
    return longest * (0.5 + chance / 2)


def _name(content: dict[str, Any]) -> str:
    try:
        return str(content["metadata"]["name"])
    except (KeyError, TypeError) as error:
        raise ApiError("an object without a name") from error
