"""The agent: tells every connected Envoy what to serve, over ADS on a Unix socket, and hears its answers."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from typing import TYPE_CHECKING, Any

import grpc

from fairway.adapters.xds import snapshot as snapshots
from fairway.adapters.xds.descriptors import encode_endpoints, encode_model, request_class, response_class
from fairway.adapters.xds.errors import AgentAlreadyRunning, InvalidResource, SocketPathTooLong
from fairway.adapters.xds.order import StreamOrder
from fairway.adapters.xds.snapshot import Snapshot
from fairway.adapters.xds.wire import Push, Request
from fairway.core.route import RouteState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from google.protobuf.message import Message

    from fairway.adapters.xds.resources import Endpoint, Model, ModelConfig, Resource

log = logging.getLogger(__name__)

MAX_SOCKET_PATH = 100
"""Bytes. Linux allows 107, other systems 103; a lock file with a longer name lies beside it."""

RETRY_SECONDS = 2.0
"""A port that is taken may be free again soon; a refused message costs Envoy next to nothing."""

OWNER_ONLY = 0o600
_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class _Stream:
    """One connected Envoy: its conversation, and what is still to be said to it."""

    def __init__(self, order: StreamOrder) -> None:
        self.order = order
        self.outbox: asyncio.Queue[Push | None] = asyncio.Queue()

    def say(self, pushes: Iterable[Push]) -> None:
        for push in pushes:
            self.outbox.put_nowait(push)


class AdsServer:
    """Serves the wanted world to all Envoys that connect. See the methods; all run on one event loop."""

    def __init__(self, socket_path: Path, snapshot_path: Path, on_change: Callable[[], None]) -> None:
        """Make an agent that does nothing yet.

        Args:
            socket_path: where it will listen; Envoy must run as the same user.
            snapshot_path: where it keeps what was acknowledged.
            on_change: called whenever `state` would answer differently, for any model.
        """
        self._socket_path = socket_path.absolute()
        self._snapshot_path = snapshot_path
        self._on_change = on_change
        self._configs: dict[str, ModelConfig] = {}
        self._invalid: dict[str, str] = {}
        self._wanted: dict[str, Model] = {}
        self._acknowledged: dict[str, Model] = {}
        self._left_behind: dict[str, Resource] = {}
        self._kept_clusters: dict[str, Resource] = {}
        self._endpoints: dict[str, tuple[Endpoint, ...]] | None = None
        self._assignments: dict[str, tuple[tuple[Endpoint, ...], Resource]] = {}
        self._states: dict[str, RouteState] = {}
        self._streams: set[_Stream] = set()
        self._complete = False
        self._running = False
        self._server: grpc.aio.Server | None = None
        self._lock: int | None = None
        self._changing = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def routers(self) -> int:
        """How many Envoys are connected."""
        return len(self._streams)

    async def start(self) -> None:
        """Take the socket, and serve the last acknowledged world if one was kept.

        Without one nothing is served before the first `set`: Envoy waits for an agent that is silent, but
        drops everything for one that has nothing. Endpoints that were set before win over the snapshot's.

        Raises:
            SocketPathTooLong: choose a shorter directory.
            AgentAlreadyRunning: another agent serves on this path.
        """
        if len(os.fsencode(self._socket_path)) >= MAX_SOCKET_PATH:
            raise SocketPathTooLong(f"{self._socket_path} must be shorter than {MAX_SOCKET_PATH} bytes")
        self._lock = _lock(self._socket_path)
        self._recall()
        self._running = True
        if self._complete:
            await self._save()
            await self._listen()
        self._tasks = [asyncio.create_task(self._publish()), asyncio.create_task(self._retry())]

    async def set(self, models: Mapping[str, ModelConfig], keep: Iterable[str] = ()) -> None:
        """Want this whole world, by model key. A model that is not in it goes.

        A model that cannot even be encoded is reported as rejected; its last good configuration stays wanted.

        Args:
            models: all there are.
            keep: keys of models that cannot be read at the moment: what is wanted of them stays wanted.
        """
        async with self._changing:
            kept = {key: self._wanted[key] for key in keep if key in self._wanted}
            wanted = kept | await self._encode(models)
            if self._complete and wanted == self._wanted:
                self._touch()
                return
            offered = {one.name: one for model in wanted.values() for one in model.clusters}
            self._wanted = wanted
            self._complete = True
            if self._running and not offered.items() <= self._kept_clusters.items():
                await self._save()  # before Envoy can use them: see the snapshot
            for stream in self._streams:
                stream.say(stream.order.want(wanted))
            if self._running and self._server is None:
                await self._listen()
            self._touch()

    async def set_endpoints(self, endpoints: Mapping[str, tuple[Endpoint, ...]]) -> None:
        """All endpoints there are, by cluster name. A cluster that is not in it has none.

        They are in force at once: a revision keeps its endpoints here until a route without it is programmed.
        """
        async with self._changing:
            if endpoints == self._endpoints:
                return
            self._endpoints = dict(endpoints)
            for stream in self._streams:
                stream.say(stream.order.endpoints_changed())
            if self._running:
                await self._save()

    def state(self, key: str) -> RouteState:
        """What the connected Envoys make of a model. `programmed` means acknowledged by every one of them."""
        return self._states.get(key, RouteState())

    async def stop(self) -> None:
        """Leave. Envoys keep serving what they have."""
        self._running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._server is not None:
            await self._server.stop(grace=0)
            self._server = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _recall(self) -> None:
        try:
            kept = snapshots.load(self._snapshot_path)
        except (OSError, ValueError) as error:
            log.warning("the last acknowledged world is lost: %s", error)
            return
        if kept is None:
            return
        self._acknowledged = dict(kept.acknowledged)
        if self._endpoints is None:
            self._endpoints = dict(kept.endpoints)
        self._left_behind = dict(kept.in_use)
        if kept.acknowledged and not self._complete:
            self._wanted = dict(kept.acknowledged)
            self._complete = True

    async def _encode(self, models: Mapping[str, ModelConfig]) -> dict[str, Model]:
        wanted: dict[str, Model] = {}
        invalid: dict[str, str] = {}
        for key, config in models.items():
            if self._configs.get(key) == config and key in self._wanted:
                wanted[key] = self._wanted[key]
                if key in self._invalid:
                    invalid[key] = self._invalid[key]
                continue
            try:
                wanted[key] = encode_model(config)
            except InvalidResource as error:
                invalid[key] = str(error)
                if key in self._wanted:
                    wanted[key] = self._wanted[key]
            await asyncio.sleep(0)  # encoding a thousand models at once would hold up every conversation
        self._configs = dict(models)
        self._invalid = invalid
        return wanted

    async def _listen(self) -> None:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        handler = grpc.stream_stream_rpc_method_handler(
            self._converse,
            request_deserializer=request_class().FromString,
            response_serializer=_serialize,
        )
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(_SERVICE, {"StreamAggregatedResources": handler})]
        )
        server.add_insecure_port(f"unix:{self._socket_path}")
        await server.start()
        self._socket_path.chmod(OWNER_ONLY)
        self._server = server

    async def _converse(self, requests: AsyncIterator[Any], _: object) -> AsyncIterator[Message]:
        stream = _Stream(StreamOrder(self._acknowledged, self._wanted, self._in_use(), self._assignment))
        self._streams.add(stream)
        listening = asyncio.create_task(self._hear(requests, stream))
        try:
            while (push := await stream.outbox.get()) is not None:
                yield _response(push)
        finally:
            listening.cancel()
            self._left_behind |= stream.order.clusters
            self._streams.discard(stream)
            self._touch()

    async def _hear(self, requests: AsyncIterator[Any], stream: _Stream) -> None:
        try:
            async for message in requests:
                stream.say(stream.order.receive(_request(message)))
                self._touch()
        finally:
            stream.outbox.put_nowait(None)

    def _assignment(self, cluster: str) -> Resource:
        endpoints = (self._endpoints or {}).get(cluster, ())
        known = self._assignments.get(cluster)
        if known is None or known[0] != endpoints:
            known = self._assignments[cluster] = (endpoints, encode_endpoints(cluster, endpoints))
        return known[1]

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            for stream in self._streams:
                stream.say(stream.order.retry())

    def _touch(self) -> None:
        self._changed.set()

    async def _publish(self) -> None:
        """Write down what was acknowledged, and only then tell of it: what is told is acted upon."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            acknowledged = self._agreed()
            states = self._current_states(acknowledged)
            if acknowledged != self._acknowledged:
                self._acknowledged = acknowledged
                await self._save()
            if states != self._states:
                self._log_rejections(states)
                self._states = states
                self._tell()

    def _tell(self) -> None:
        try:
            self._on_change()
        except Exception:  # whoever listens badly must not stop the routes of all models
            log.exception("a listener of route changes failed")

    def _log_rejections(self, states: Mapping[str, RouteState]) -> None:
        for key, state in states.items():
            if state.rejected is not None and state.rejected != self.state(key).rejected:
                log.warning("the route of %s was refused: %s", key, state.rejected)

    def _in_use(self) -> dict[str, Resource]:
        """Clusters that some Envoy may be using, whether it acknowledged that or not."""
        if self._streams and all(stream.order.tidy for stream in self._streams):
            self._left_behind = {}
        found = dict(self._left_behind)
        for stream in self._streams:
            found |= stream.order.clusters
        return found

    def _agreed(self) -> dict[str, Model]:
        """What all connected Envoys acknowledged, and where they differ what they agreed on before."""
        orders = [stream.order for stream in self._streams]
        agreed = dict(self._acknowledged)
        if not orders:
            return agreed
        for key in {key for order in orders for key in order.applied} | agreed.keys():
            found = [order.applied.get(key) for order in orders]
            if found[0] is not None and all(one == found[0] for one in found):
                agreed[key] = found[0]
            elif all(order.settled and key not in order.applied for order in orders):
                agreed.pop(key, None)
        return agreed

    def _current_states(self, acknowledged: Mapping[str, Model]) -> dict[str, RouteState]:
        confirmed = {key for stream in self._streams for key in stream.order.applied} | self._states.keys()
        states = {}
        for key in self._configs.keys() | acknowledged.keys():
            model = acknowledged.get(key) if key in confirmed else None
            states[key] = RouteState(programmed=model.route if model else None, rejected=self._rejection(key))
        return {key: state for key, state in states.items() if state != RouteState()}

    def _rejection(self, key: str) -> str | None:
        if key in self._invalid:
            return self._invalid[key]
        refusals = (stream.order.refused.get(key) for stream in self._streams)
        return next((one.message for one in refusals if one and one.model == self._wanted.get(key)), None)

    async def _save(self) -> None:
        async with self._saving:
            in_use = self._in_use() | {
                one.name: one for model in self._wanted.values() for one in model.clusters
            }
            now = Snapshot(dict(self._acknowledged), in_use, dict(self._endpoints or {}))
            try:
                await asyncio.to_thread(snapshots.save, self._snapshot_path, now)
                self._kept_clusters = in_use
            except OSError:
                log.exception("the acknowledged world could not be kept; a restart would not know it")


def _lock(socket_path: Path) -> int:
    """Hold a lock for as long as this process lives; gRPC itself would take a used path in silence."""
    lock = os.open(socket_path.with_name(socket_path.name + ".lock"), os.O_CREAT | os.O_RDWR, OWNER_ONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise AgentAlreadyRunning(f"another agent serves on {socket_path}") from error
    return lock


def _request(message: Any) -> Request:
    return Request(
        type_url=message.type_url,
        names=frozenset(message.resource_names),
        nonce=message.response_nonce,
        error=message.error_detail.message if message.HasField("error_detail") else None,
    )


def _response(push: Push) -> Message:
    response: Any = response_class()(version_info=push.nonce, nonce=push.nonce, type_url=push.type_url)
    for resource in push.resources:
        response.resources.add().ParseFromString(resource.payload)
    return response  # type: ignore[no-any-return]


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
