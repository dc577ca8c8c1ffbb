"""The router of a namespace: a unit of its own, made when the first model needs it, shared by all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fairway.adapters.kube.cache import Cache
from fairway.adapters.kube.errors import Foreign, KubeError
from fairway.adapters.kube.kinds import DEPLOYMENT, MODEL, PDB, Obj
from fairway.adapters.kube.objects import Objects, owned_by
from fairway.render.kube.labels import COMPONENT, MANAGED_BY, MANAGER, Owner
from fairway.render.kube.route_config import ROUTER_COMPONENT
from fairway.render.kube.router import NAME, RouterSettings, router_objects

LOOK_AGAIN = timedelta(seconds=60)
ROUTER_LABELS = {MANAGED_BY: MANAGER, COMPONENT: ROUTER_COMPONENT}


@dataclass(frozen=True, slots=True)
class RouterOf:
    """Which namespace's router."""

    namespace: str

    def __str__(self) -> str:
        return f"{self.namespace}/{NAME}"


class RouterUnit:
    """Brings routers to what they should be.

    Attributes:
        troubles: by namespace, why its router cannot be made; for the status of its models.
    """

    def __init__(self, objects: Objects, cache: Cache, settings: RouterSettings) -> None:
        self._objects = objects
        self._cache = cache
        self._settings = settings
        self.troubles: dict[str, str] = {}
        self._without_budget: set[str] = set()

    def knows(self, namespace: str, uid: str) -> bool:
        """Whether the router is there and goes only after the model with this uid."""
        router = self._cache.get(DEPLOYMENT, namespace, NAME)
        return router is not None and owned_by(uid)(router)

    async def look(self, unit: RouterOf) -> timedelta | None:
        """Bring the router of this namespace to what it should be.

        Returns:
            When to look again; None when the namespace has no model: owner references take the router away.

        Raises:
            KubeError, Conflict: it could not be written.
        """
        owners = [_owner(md) for md in self._cache.select(MODEL, unit.namespace, {}) if _stays(md)]
        if not owners:
            self.troubles.pop(unit.namespace, None)
            self._without_budget.discard(unit.namespace)
            return None
        try:
            for obj in router_objects(unit.namespace, self._settings, owners):
                await self._objects.ensure(obj, _is_router, _no_fence)
            await self._drop_budget(unit.namespace)
        except Foreign as error:
            self.troubles[unit.namespace] = str(error)
            return LOOK_AGAIN
        except KubeError as error:
            self.troubles[unit.namespace] = str(error)
            raise
        self.troubles.pop(unit.namespace, None)
        return LOOK_AGAIN

    async def _drop_budget(self, namespace: str) -> None:
        """A budget that an operator with more replicas left behind would keep the node of the only one."""
        if self._settings.replicas > 1 or namespace in self._without_budget:
            return
        await self._objects.remove(PDB, namespace, NAME, _is_router)
        self._without_budget.add(namespace)


def _owner(md: Obj) -> Owner:
    metadata = md["metadata"]
    return Owner(metadata["namespace"], metadata["name"], metadata["uid"])


def _stays(md: Obj) -> bool:
    return "deletionTimestamp" not in md["metadata"]


def _is_router(obj: Obj) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in ROUTER_LABELS.items())


async def _no_fence() -> None:
    """The whole intent follows from the settings: no decision behind it can be outdated."""
