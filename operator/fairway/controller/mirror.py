"""Keeps the cache whole: a full list of every kind at least once a minute, whatever the watches miss."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient, Listed
from fairway.adapters.kube.errors import Denied, KubeError, NotFound
from fairway.adapters.kube.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HPA,
    MODEL,
    PDB,
    POD,
    SERVICE,
    Kind,
)
from fairway.render.kube.labels import MANAGED_BY, MANAGER

log = structlog.get_logger()

MANAGED = f"{MANAGED_BY}={MANAGER}"
WATCHED: dict[Kind, str] = {
    MODEL: "",
    DEPLOYMENT: MANAGED,
    CONTROLLER_REVISION: MANAGED,
    POD: MANAGED,
    SERVICE: MANAGED,
    CONFIG_MAP: MANAGED,
    HPA: MANAGED,
    PDB: MANAGED,
}
"""What is watched and listed, each with its label selector: the users' objects, of the rest only our own."""
RETRY_SECONDS = 2.0


class Mirror:
    """Lists everything now and then.

    Attributes:
        synced: set once every kind was listed: before that, what is missing means nothing.
        trouble: why the last try did not go through, and what to do about it; "" when it did.
    """

    def __init__(
        self,
        client: KubeClient,
        cache: Cache,
        namespaces: Iterable[str],
        period_seconds: float,
        on_deaf: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            client: asks the API server.
            cache: is filled.
            namespaces: which ones; all when there are none.
            period_seconds: the longest time between two lists.
            on_deaf: called when a watch has kept something to itself for a whole period.
        """
        self._client = client
        self._cache = cache
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._period = period_seconds
        self._on_deaf = on_deaf
        self._listed_at: float | None = None
        self.synced = asyncio.Event()
        self.trouble = ""

    def age(self, now: float) -> float | None:
        """Seconds since the last time that everything was listed; None before the first."""
        return None if self._listed_at is None else now - self._listed_at

    async def sync(self) -> None:
        """List every kind now.

        Raises:
            KubeError: one of them could not be listed.
        """
        try:
            await self._sync()
        except KubeError as error:
            self.trouble = str(error)
            raise
        self.trouble = ""

    async def _sync(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        for kind, selector in WATCHED.items():
            labels = dict([selector.split("=", 1)]) if selector else None
            for namespace in self._namespaces:
                found = await self._list(kind, namespace, labels)
                self._cache.listed(kind, found.items, found.resource_version, namespace, clock())
        self._listed_at = began
        self.synced.set()

    async def _list(self, kind: Kind, namespace: str | None, labels: dict[str, str] | None) -> Listed:
        """List one kind; what somebody has to do about a refusal is in its words."""
        try:
            return await self._client.list(kind, namespace, labels)
        except NotFound as error:
            raise NotFound(
                f"the API server does not know {kind}: install Fairway's CRD (helm, or manifests/crd.yaml)"
            ) from error
        except Denied as error:
            where = f"in namespace {namespace}" if namespace else "in all namespaces"
            raise Denied(f"{error}; let the operator's account list and watch {kind} {where}") from error

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            try:
                await self.sync()
                wait = self._period * random.uniform(0.7, 1.0)  # noqa: S311
            except KubeError as error:
                log.warning("the cluster cannot be listed", error=str(error))
                wait = RETRY_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311
            await asyncio.sleep(wait)
            if self._cache.oldest_expected(clock()) > self._period / 2:
                log.warning("a watch does not tell what lists do: all are started anew")
                self._cache.expect_nothing()
                self._on_deaf()
