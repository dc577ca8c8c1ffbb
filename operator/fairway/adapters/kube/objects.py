"""Brings objects to what they should be: nothing is sent when nothing differs, nothing foreign is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.errors import Foreign, NotFound, Unavailable
from fairway.adapters.kube.kinds import Kind, Obj, kind_of
from fairway.adapters.kube.same import covers, stamped
from fairway.driver.errors import Conflict

Fence = Callable[[], Awaitable[None]]
"""Raises when the decision behind a write is outdated."""
IsOurs = Callable[[Obj], bool]


@dataclass(frozen=True, slots=True)
class Objects:
    """All writes to objects that Fairway manages."""

    client: KubeClient
    cache: Cache

    async def ensure(self, obj: Obj, is_ours: IsOurs, fence: Fence) -> bool:
        """Bring one object to this intent.

        Args:
            obj: the whole intent, without a uid.
            is_ours: whether a live object of that name may be written to.
            fence: awaited before anything is written.

        Returns:
            Whether anything was sent.

        Raises:
            Foreign: there is one of that name that is not ours; it is left as it is.
            KubeError, Conflict: it could not be written, or nobody knows.
        """
        kind, wanted = kind_of(obj), stamped(obj)
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        live = self.cache.get(kind, namespace, name) or await self._look(kind, namespace, name)
        if live is None:
            await fence()
            # Without force: should somebody be faster by a moment, the API server sees the difference.
            self._learn(kind, await self.client.apply(wanted, kind, force=False))
            return True
        _refuse_foreign(kind, live, is_ours)
        if covers(live, wanted):
            return False
        await fence()
        same = {**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}}
        try:
            self._learn(kind, await self.client.apply(same, kind, force=True))
        except Conflict:
            await self._forget(kind, live)
            raise
        return True

    async def set_replicas(
        self, kind: Kind, namespace: str, name: str, replicas: int, is_ours: IsOurs, fence: Fence
    ) -> bool:
        """Have so many pods, whoever decided on another number before; an object that is gone has none.

        Returns:
            Whether anything was sent.

        Raises:
            Foreign: there is one of that name that is not ours; it is left as it is.
            KubeError, Conflict: it could not be written, or nobody knows.
        """
        live = self.cache.get(kind, namespace, name) or await self._look(kind, namespace, name)
        if live is None:
            return False
        _refuse_foreign(kind, live, is_ours)
        if live["spec"].get("replicas") == replicas:
            return False
        await fence()
        try:
            self._learn(kind, await self.client.set_replicas(live, kind, replicas))
        except Conflict:
            await self._forget(kind, live)
            raise
        return True

    async def keep(
        self, kind: Kind, namespace: str, name: str, make: Callable[[], Obj], is_ours: IsOurs, fence: Fence
    ) -> Obj:
        """The object of that name as it was first made; whoever comes later takes what is there.

        Args:
            kind: of the object.
            namespace: of the object.
            name: of the object.
            make: called only when there is none.
            is_ours: whether a live object of that name is one that we would have made.
            fence: awaited before anything is written.

        Raises:
            Foreign: there is one of that name that is not ours.
            KubeError, Conflict: it could not be made, or nobody knows.
        """
        live = self.cache.get(kind, namespace, name) or await self._look(kind, namespace, name)
        if live is None:
            await fence()
            live = await self.client.create(make(), kind)
            self._learn(kind, live)
        _refuse_foreign(kind, live, is_ours)
        return live

    async def remove(self, kind: Kind, namespace: str, name: str, may_go: IsOurs) -> bool:
        """Delete one object, if the live one may go.

        Returns:
            Whether anything was sent.
        """
        live = await self._look(kind, namespace, name)
        if live is None or "deletionTimestamp" in live["metadata"] or not may_go(live):
            return False
        await self.client.delete(live, kind)
        return True

    async def _look(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        try:
            live = await self.client.get(kind, namespace, name)
        except NotFound:
            known = self.cache.get(kind, namespace, name)
            if known is not None:
                self.cache.deleted(kind, known)
            return None
        return live

    async def _forget(self, kind: Kind, outdated: Obj) -> None:
        """The cache was wrong: look again, whether or not a watch tells."""
        self.cache.deleted(kind, outdated)
        live = await self._look(kind, outdated["metadata"]["namespace"], outdated["metadata"]["name"])
        if live is not None:
            self._learn(kind, live)

    def _learn(self, kind: Kind, stored: Obj) -> None:
        self.cache.written(kind, stored, asyncio.get_running_loop().time())


def _refuse_foreign(kind: Kind, live: Obj, is_ours: IsOurs) -> None:
    name = f"{kind.name} {live['metadata']['namespace']}/{live['metadata']['name']}"
    if not is_ours(live):
        raise Foreign(f"{name} exists and is not this model's: rename or remove one of them")
    if "deletionTimestamp" in live["metadata"]:
        raise Unavailable(f"{name} is still being deleted")


def owned_by(uid: str) -> IsOurs:
    """Whether an object belongs to the owner with this uid."""
    return lambda obj: any(one.get("uid") == uid for one in obj["metadata"].get("ownerReferences") or ())
