"""Notices as Kubernetes Events: each once an hour, in the background, and never in the way of the work."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

import structlog

from fairway.adapters.kube.client import FIELD_MANAGER, KubeClient
from fairway.adapters.kube.errors import KubeError
from fairway.adapters.kube.kinds import EVENT, Obj
from fairway.api.v1alpha1 import API_VERSION, KIND
from fairway.core.model import Notice
from fairway.core.words import cut
from fairway.driver.errors import Conflict
from fairway.driver.ports import Ref

log = structlog.get_logger()

WAITING = 1000
MAX_MESSAGE_BYTES = 1000
"""The API server takes 1024."""


def make_event(ref: Ref, uid: str, notice: Notice, now: datetime) -> Obj:
    """The Event of a notice. Its name is made of what it says and the hour, so the same one twice is one."""
    said = f"{uid}\n{notice.reason}\n{notice.message}\n{now:%Y-%m-%dT%H}"
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": uid,
    }
    return {
        "metadata": {
            "namespace": ref.namespace,
            "name": f"{ref.name}.{hashlib.sha256(said.encode()).hexdigest()[:16]}",
        },
        "involvedObject": about,
        "reason": notice.reason,
        "message": cut(notice.message, MAX_MESSAGE_BYTES),
        "type": notice.severity.value,
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


class EventRecorder:
    """Posts Events one after the other; what cannot be posted is logged and dropped."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._queue: asyncio.Queue[Obj] = asyncio.Queue(WAITING)
        self._posted: dict[str, None] = {}

    def post(self, ref: Ref, uid: str, notice: Notice, now: datetime) -> None:
        """Post it soon, unless it was posted within this hour."""
        event = make_event(ref, uid, notice, now)
        name = event["metadata"]["name"]
        if name in self._posted or self._queue.full():
            return
        self._posted[name] = None
        while len(self._posted) > WAITING:
            self._posted.pop(next(iter(self._posted)))
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._client.create(event, EVENT)
            except Conflict:
                continue
            except KubeError as error:
                log.info("an event was not posted", reason=event["reason"], error=str(error))
