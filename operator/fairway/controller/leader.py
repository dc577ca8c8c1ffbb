"""Holds the lease over the API server, and says at any moment whether it still does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from fairway.adapters.kube.client import KubeClient
from fairway.adapters.kube.errors import Denied, KubeError, NotFound, NotLeader
from fairway.adapters.kube.kinds import LEASE, Obj
from fairway.controller.lease import (
    DURATION_SECONDS,
    RENEW_DEADLINE_SECONDS,
    RETRY_SECONDS,
    LeaseRecord,
    LeaseView,
)
from fairway.driver.errors import Conflict

log = structlog.get_logger()


class Leader:
    """One process's hold on a lease.

    Attributes:
        trouble: why the lease can be neither taken nor read, and what to do about it; "" when it can.
    """

    def __init__(
        self, namespace: str, name: str, identity: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._namespace = namespace
        self._name = name
        self._clock = clock
        self._object: Obj | None = None
        self._view = LeaseView(identity)
        self._changed = asyncio.Event()
        self.trouble = ""

    @property
    def leads(self) -> bool:
        """Whether a write may be sent right now."""
        return self._view.surely_ours(self._clock())

    @property
    def overdue(self) -> bool:
        """Held, and not renewed in time: somebody else may write now, and we do not know."""
        return self._view.sent_at is not None and not self.leads

    def guard(self) -> None:
        """Let a write pass.

        Raises:
            NotLeader: the lease is not surely ours.
        """
        if not self.leads:
            raise NotLeader("the lease is not surely held: nothing is written")

    async def wait_until_leading(self) -> None:
        while not self.leads:
            await self._next_change()

    async def wait_until_lost(self) -> None:
        while self.leads:
            await self._next_change()

    async def run(self, client: KubeClient) -> None:
        """Take and renew until cancelled; then let go, so that another one need not wait."""
        try:
            while True:
                await self._round(client)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self._release(client)

    async def _round(self, client: KubeClient) -> None:
        led, trouble = self.leads, ""
        try:
            async with asyncio.timeout(RENEW_DEADLINE_SECONDS / 2):
                await self._take_or_renew(client)
        except (Conflict, NotFound):
            self._object = None
        except (KubeError, TimeoutError) as error:
            trouble = str(error) or "no answer from the API server in time"
            log.warning("the lease cannot be reached", error=trouble)
        self.trouble = trouble
        if led and not self.leads:
            self._view = self._view.lost()
        if led != self.leads:
            log.info("took the lease" if self.leads else "lost the lease", lease=self._name)
        self._notify()

    async def _take_or_renew(self, client: KubeClient) -> None:
        if self._object is None or not self.leads:
            self._object = await self._read(client)
        if self._object is not None and not self._view.may_take(self._clock()):
            return
        sent_at = self._clock()
        record = self._view.next_record(_stamp())
        if self._object is None:
            wanted = {"metadata": {"namespace": self._namespace, "name": self._name}, "spec": _spec(record)}
            self._object = await self._create(client, wanted)
        else:
            wanted = {**self._object, "spec": {**self._object.get("spec", {}), **_spec(record)}}
            self._object = await client.replace(wanted, LEASE, fenced=False)
        self._view = self._view.renewed(_record(self._object), sent_at)

    async def _create(self, client: KubeClient, lease: Obj) -> Obj:
        try:
            return await client.create(lease, LEASE, fenced=False)
        except NotFound as error:
            raise Denied(
                f"there is no namespace {self._namespace} for the lease: "
                "make it, or name another one in FAIRWAY_LEASE_NAMESPACE"
            ) from error

    async def _read(self, client: KubeClient) -> Obj | None:
        try:
            found = await client.get(LEASE, self._namespace, self._name)
        except NotFound:
            return None
        self._view = self._view.look(_record(found), self._clock())
        return found

    async def _release(self, client: KubeClient) -> None:
        if not self.leads or self._object is None:
            return
        self._view = self._view.lost()
        self._notify()
        try:
            await client.replace(
                {**self._object, "spec": {**self._object["spec"], "holderIdentity": ""}}, LEASE, fenced=False
            )
        except (KubeError, Conflict) as error:
            log.info("the lease was not given back; it runs out by itself", error=str(error))

    async def _next_change(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")  # noqa: TID251  for people


def _spec(record: LeaseRecord) -> Obj:
    return {
        "holderIdentity": record.holder,
        "renewTime": record.renewed,
        "leaseTransitions": record.transitions,
        "leaseDurationSeconds": DURATION_SECONDS,
    }


def _record(lease: Obj) -> LeaseRecord:
    spec = lease.get("spec") or {}
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        duration_seconds=spec.get("leaseDurationSeconds") or DURATION_SECONDS,
    )
