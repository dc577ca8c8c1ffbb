"""All calls to the API server, one by one: a time limit, a count, a fence before every write, typed errors.

Nothing is tried again here: whoever asked is asked again by the queue, with a fresh look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.models.meta_v1 import Status
from lightkube.types import PatchType

from fairway.adapters.kube.errors import BadObject, Denied, KubeError, NoSuchKind, NotFound, Unavailable
from fairway.adapters.kube.kinds import Kind, Obj, resource, status_resource
from fairway.driver.errors import Conflict

FIELD_MANAGER = "fairway-operator"
REPLICAS_MANAGER = "fairway-operator-replicas"
READ_SECONDS = 10.0
WRITE_SECONDS = 4.0
"""Shorter than the time between "surely ours" and the end of the lease: a write never outlives its right."""
CHUNK = 500

_WHOLE = frozenset({"name", "namespace", "uid", "resourceVersion"})

T = TypeVar("T")
Count = Callable[[str, str], None]
"""Told of every call: the verb and the HTTP status ("timeout", "error" where there was none)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of a kind, and the version of the world they were read from."""

    items: tuple[Obj, ...]
    resource_version: str


class KubeClient:
    """What Fairway asks of an API server."""

    def __init__(
        self,
        config: SingleConfig,
        *,
        guard: Callable[[], None] = lambda: None,
        count: Count = lambda _verb, _code: None,
    ) -> None:
        """Connect lazily.

        Args:
            config: where the API server is, and who we are.
            guard: called before every write; raises when this process may not write.
            count: see `Count`.
        """
        timeout = httpx2.Timeout(READ_SECONDS)
        # Its overloads are for typed models; every object here is plain JSON.
        self._client: Any = AsyncClient(config, timeout=timeout, field_manager=FIELD_MANAGER, trust_env=False)
        self._guard = guard
        self._count = count

    async def close(self) -> None:
        await self._client.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """One object, read from the API server itself.

        Raises:
            NotFound: there is none.
            KubeError: it cannot be read.
        """
        found = await self._call(
            "get", self._client.get(resource(kind), name, namespace=namespace), READ_SECONDS
        )
        return _plain(found, kind)

    async def list(self, kind: Kind, namespace: str | None, labels: dict[str, Any] | None = None) -> Listed:
        """All objects of a kind, none of them older than the call.

        Args:
            kind: which kind.
            namespace: None for all.
            labels: only those with these labels; see lightkube's selectors.
        """
        pages = self._client.list(resource(kind), namespace=namespace or "*", labels=labels, chunk_size=CHUNK)

        async def collect() -> Listed:
            items = tuple([_plain(item, kind) async for item in pages])
            return Listed(items, pages.resourceVersion)

        return await self._call("list", collect(), READ_SECONDS)

    async def apply(self, obj: Obj, kind: Kind, *, force: bool) -> Obj:
        """Server-side apply, as the one field manager of all that is Fairway's.

        Args:
            obj: the whole intent; `metadata.uid` makes it refused for another object of the same name.
            kind: its kind.
            force: take fields over from others. Only for an object that is known to be ours.

        Raises:
            Conflict: without force, somebody else owns a field; or the object is another one by now.
            KubeError: it was refused, or nobody knows.
        """
        metadata = obj["metadata"]
        return _plain(
            await self._write(
                "apply",
                lambda: self._client.patch(
                    resource(kind),
                    metadata["name"],
                    obj,
                    namespace=metadata["namespace"],
                    patch_type=PatchType.APPLY,
                    force=force,
                ),
            ),
            kind,
        )

    async def set_replicas(self, obj: Obj, kind: Kind, replicas: int) -> Obj:
        """Write how many pods this very object is to have, and nothing else of it.

        Under a name of its own and never by an apply: an applied field that is given up falls back to 1, so
        that a switch to an autoscaler would take pods away.

        Raises:
            Conflict: the object is another one by now.
            KubeError: it was refused, or nobody knows.
        """
        metadata = obj["metadata"]
        change = {"metadata": {"uid": metadata["uid"]}, "spec": {"replicas": replicas}}
        call = partial(
            self._client.patch,
            resource(kind),
            metadata["name"],
            change,
            namespace=metadata["namespace"],
            patch_type=PatchType.MERGE,
            field_manager=REPLICAS_MANAGER,
        )
        return _plain(await self._write("set_replicas", call), kind)

    async def replace_status(self, obj: Obj, kind: Kind) -> Obj:
        """Write the status of exactly this version of the object.

        Raises:
            Conflict: it changed since it was read.
            NotFound: it is gone.
            KubeError: it was refused, or nobody knows.
        """
        metadata, body = obj["metadata"], _as(status_resource(kind), obj)
        call = partial(self._client.replace, body, name=metadata["name"], namespace=metadata["namespace"])
        return _plain(await self._write("update_status", call), kind)

    async def create(self, obj: Obj, kind: Kind, *, fenced: bool = True) -> Obj:
        """Make a new object.

        Raises:
            Conflict: there is one of that name.
            KubeError: it was refused, or nobody knows.
        """
        namespace = obj["metadata"]["namespace"]
        call = partial(self._client.create, _as(resource(kind), obj), namespace=namespace)
        return _plain(await self._write("create", call, fenced=fenced), kind)

    async def replace(self, obj: Obj, kind: Kind, *, fenced: bool = True) -> Obj:
        """Write exactly this version of an object.

        Raises:
            Conflict: it changed since it was read.
            KubeError: it was refused, or nobody knows.
        """
        namespace = obj["metadata"]["namespace"]
        call = partial(self._client.replace, _as(resource(kind), obj), namespace=namespace)
        return _plain(await self._write("update", call, fenced=fenced), kind)

    async def delete(self, obj: Obj, kind: Kind) -> None:
        """Delete this very object and what it owns; one that is gone, or another one of its name, is fine.

        Raises:
            KubeError: it was refused, or nobody knows.
        """
        metadata = obj["metadata"]
        raw = self._client._client  # noqa: SLF001  lightkube's own `delete` has no body, and no preconditions
        request = raw.prepare_request(
            "delete", resource(kind), name=metadata["name"], namespace=metadata["namespace"]
        )
        request.data = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": metadata["uid"]},
        }

        async def call() -> None:
            raw.handle_response("delete", await raw.send(raw.build_adapter_request(request)), request)

        try:
            await self._write("delete", call)
        except (NotFound, Conflict):
            return

    async def _write(self, verb: str, call: Callable[[], Awaitable[T]], *, fenced: bool = True) -> T:
        if fenced:
            self._guard()
        return await self._call(verb, call(), WRITE_SECONDS)

    async def _call(self, verb: str, call: Awaitable[T], seconds: float) -> T:
        code = "200"
        try:
            async with asyncio.timeout(seconds):
                return await call
        except ApiError as error:
            code = str(error.status.code)
            raise _refused(f"{verb}: {error.status.message}", error.status) from error
        except httpx2.HTTPStatusError as error:  # not in Kubernetes' words: a proxy, or an overload
            code = str(error.response.status_code)
            if error.response.status_code == 404:  # about a path that leads nowhere it does not say more
                raise NoSuchKind(f"{verb}: the API server knows no such kind") from error
            status = Status(code=error.response.status_code)
            raise _refused(f"{verb}: the API server answered {code}", status) from error
        except (TimeoutError, httpx2.TimeoutException) as error:
            code = "timeout"
            raise Unavailable(f"{verb}: no answer from the API server within {seconds:g} s") from error
        except (httpx2.HTTPError, OSError, ConfigError) as error:
            code = "error"
            raise Unavailable(f"{verb}: the API server cannot be reached: {error!r}") from error
        except ValueError as error:  # an answer that is no JSON
            code = "error"
            raise Unavailable(f"{verb}: what came back is no answer of an API server") from error
        finally:
            self._count(verb, code)


def _refused(words: str, status: Status) -> KubeError | Conflict:
    if status.code == 404:
        return NotFound(words)
    if status.code == 409 or _is_namesake(status):
        return Conflict(words)
    if status.code in {400, 403, 405, 413, 422}:
        return Denied(words)
    return Unavailable(words)


def _is_namesake(status: Status) -> bool:
    """An apply that names a uid meets another object of its name: that is a 422 about the uid."""
    causes = status.details.causes if status.details is not None else None
    return status.code == 422 and any(cause.field == "metadata.uid" for cause in causes or ())


def _as(kind: type[Any], obj: Obj) -> Any:
    return kind(obj)


def _plain(found: Any, kind: Kind) -> Obj:
    """As a plain dict that names its kind; the items of a list do not."""
    obj = dict(found)
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not metadata.keys() >= _WHOLE:
        raise BadObject(f"an object of kind {kind.name} has no whole metadata")
    metadata.pop("managedFields", None)
    return {**obj, "apiVersion": kind.api_version, "kind": kind.name}
