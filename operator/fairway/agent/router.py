"""The agent itself: mirrors in, Envoy out. What it decides is in `picture`; here things happen in order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from fairway.adapters.xds import AdsServer
from fairway.adapters.xds.snapshot import load
from fairway.agent.endpoints import Slice, by_service, read_slice
from fairway.agent.kube_api import Collection, KubeApi
from fairway.agent.mirror import Mirror
from fairway.agent.picture import Picture, paint, service_of
from fairway.agent.settings import Settings
from fairway.agent.wish import Wish, read_wish
from fairway.core.route import Route, RouteState
from fairway.render.kube.labels import labels, selector
from fairway.render.kube.route_config import ROUTE_COMPONENT

log = structlog.get_logger()

MIN_INTERVAL_SECONDS = 0.02
"""Between two pictures: a rollout of a hundred pods is told in a few of them."""

AFTER_FAILURE_SECONDS = 1.0


class RouterAgent:
    """Feeds the Envoy of this pod.

    Nothing is told before everything was listed once: an agent that knew only some of the models would make
    Envoy drop the others. Until then the last acknowledged world is served, if one was kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = asyncio.Event()
        self._ads = AdsServer(settings.agent_socket, settings.snapshot, self._changed.set)
        api = KubeApi(settings.api_url, settings.token_dir, settings.quiet_seconds)
        core, discovery = "/api/v1/namespaces/", "/apis/discovery.k8s.io/v1/namespaces/"
        self._routes: Mirror[Wish] = Mirror(
            api,
            Collection(f"{core}{settings.namespace}/configmaps", selector(labels(component=ROUTE_COMPONENT))),
            lambda content: read_wish(content, settings.namespace),
            self._changed.set,
        )
        self._slices: Mirror[Slice] = Mirror(
            api,
            Collection(f"{discovery}{settings.namespace}/endpointslices", ""),
            read_slice,
            self._changed.set,
        )
        self._picture = Picture()
        self._remembered: frozenset[str] = frozenset()

    @property
    def routers(self) -> int:
        """How many Envoys are connected."""
        return self._ads.routers

    @property
    def complete(self) -> bool:
        """Whether everything was listed once."""
        return self._routes.complete.is_set() and self._slices.complete.is_set()

    @property
    def keys(self) -> frozenset[str]:
        """Of all models that are served or should be."""
        return frozenset(self.wishes) if self.complete else self._remembered

    @property
    def wishes(self) -> Mapping[str, Wish]:
        """What is wanted, by the key of the model."""
        return {wish.key: wish for wish in self._routes.objects.values()}

    @property
    def held(self) -> frozenset[str]:
        """Keys of the models whose new route waits for servers."""
        return self._picture.held

    def state(self, key: str) -> RouteState:
        """What Envoy makes of a model."""
        return self._ads.state(key)

    async def run(self) -> None:
        """Serve until cancelled. Envoy keeps what it has.

        Raises:
            XdsError: the socket cannot be taken.
        """
        self._remember()
        mirrors = [asyncio.create_task(one.run()) for one in (self._routes, self._slices)]
        try:
            await self._wait_for_lists()
            if self.complete:
                # Servers may have gone while nobody looked: better than those of the snapshot.
                await self._ads.set_endpoints(self._paint().endpoints)
            await self._ads.start()
            await self._follow()
        finally:
            for mirror in mirrors:
                mirror.cancel()
            await asyncio.gather(*mirrors, return_exceptions=True)
            await self._ads.stop()

    def _remember(self) -> None:
        """Which clusters an Envoy that outlived the last agent may be using."""
        try:
            kept = load(self._settings.snapshot)
        except (OSError, ValueError):
            return  # the server says so when it tries the same
        if kept is not None:
            self._remembered = frozenset(kept.acknowledged)
            self._picture = Picture(services={name: service_of(name) for name in kept.in_use})

    async def _wait_for_lists(self) -> None:
        try:
            async with asyncio.timeout(self._settings.patience_seconds):
                await self._routes.complete.wait()
                await self._slices.complete.wait()
        except TimeoutError:
            log.warning("the API is away; what was served last is served, if it is known")

    async def _follow(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            self._changed.clear()
            if self.complete:
                try:
                    await self._tell(self._paint())
                except Exception:
                    # One model that nobody thought of must not end the service of all the others.
                    log.exception("the routers could not be told")
                    await asyncio.sleep(AFTER_FAILURE_SECONDS)
                    continue
            await self._changed.wait()
            await asyncio.sleep(max(0.0, begun + MIN_INTERVAL_SECONDS - clock()))

    def _paint(self) -> Picture:
        servers = by_service(self._slices.objects.values())
        return paint(self.wishes.values(), servers, self._picture.services, self._programmed)

    def _programmed(self, key: str) -> Route | None:
        return self._ads.state(key).programmed

    async def _tell(self, picture: Picture) -> None:
        """Servers before routes: what a route names is there when it comes into force."""
        if picture.held - self._picture.held:
            log.warning("routes wait for the first server of a revision", models=sorted(picture.held))
        self._picture = picture
        await self._ads.set_endpoints(picture.endpoints)
        await self._ads.set(picture.models, keep=picture.keep)

    def clusters(self) -> dict[str, dict[str, str]]:
        """Key of a model -> cluster name -> revision, for all that is wanted or in force."""
        found: dict[str, dict[str, str]] = {key: {} for key in self.keys}
        for cluster, service in self._picture.services.items():
            key = cluster.rpartition("/")[0]
            if key in found:
                found[key][cluster] = service
        return found
