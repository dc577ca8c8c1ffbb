"""ModelDeployments in the API server: read from the cache, remembered in the status subresource."""

from __future__ import annotations

import asyncio
from typing import Any

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.errors import NotFound
from fairway.adapters.kube.kinds import MODEL, Obj
from fairway.api.manifests import load_object
from fairway.api.status import Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref


class KubeStore:
    """Implements `driver.ports.Store` over an API server and a cache that others keep filled."""

    def __init__(self, client: KubeClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    async def read(self, ref: Ref) -> ModelDeployment | None:
        """The resource as the cache has it; only the API server itself may say that there is none.

        Raises:
            ManifestError: the stored object cannot be understood.
            KubeError: it is not in the cache, and the API server cannot be asked.
        """
        found = self._cache.get(MODEL, ref.namespace, ref.name) or await self._look(ref)
        return load_object(found, strict=False) if found is not None else None

    async def remember(self, md: ModelDeployment, status: Status) -> ModelDeployment:
        """Store the status of this version of the resource.

        When it has that status already, nothing is sent; `verify` is the fence then, before the first effect.

        Raises:
            Conflict: the resource changed since it was read; the cache has its newest version by now.
            KubeError: it was refused, or nobody knows whether it was written.
        """
        ref = Ref(md.metadata.namespace, md.metadata.name)
        raw = self._cache.get(MODEL, ref.namespace, ref.name)
        if raw is None or raw["metadata"]["resourceVersion"] != md.metadata.resource_version:
            raise Conflict(f"{ref} changed since it was read")
        if md.status == status:
            return md
        try:
            stored = await self._client.replace_status({**raw, "status": _dump(status)}, MODEL)
        except (Conflict, NotFound) as error:
            await self._look(ref)
            raise Conflict(f"{ref} changed since it was read") from error
        self._cache.written(MODEL, stored, _now())
        return load_object(stored, strict=False)

    async def verify(self, md: ModelDeployment) -> None:
        """Ask the API server itself whether this still is the newest version.

        Raises:
            Conflict: it is not.
            KubeError: it cannot be asked.
        """
        ref = Ref(md.metadata.namespace, md.metadata.name)
        live = await self._look(ref)
        if live is None or live["metadata"]["resourceVersion"] != md.metadata.resource_version:
            raise Conflict(f"{ref} changed since it was read")

    async def _look(self, ref: Ref) -> Obj | None:
        """The resource as the API server has it now; the cache learns of it."""
        try:
            live = await self._client.get(MODEL, ref.namespace, ref.name)
        except NotFound:
            if (known := self._cache.get(MODEL, ref.namespace, ref.name)) is not None:
                self._cache.deleted(MODEL, known)
            return None
        self._cache.written(MODEL, live, _now())
        return live


def _dump(status: Status) -> dict[str, Any]:
    dumped: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _now() -> float:
    return asyncio.get_running_loop().time()
