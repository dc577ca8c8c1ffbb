"""Brings the number of a revision's servers about, for engines whose Deployments are Fairway's own."""

from __future__ import annotations

from fairway.adapters.kube.kinds import DEPLOYMENT, HPA
from fairway.adapters.kube.objects import Fence, IsOurs, Objects
from fairway.core.model import Workload
from fairway.render.kube.labels import Owner
from fairway.render.kube.scaling import SCALING_KINDS, scaling_objects
from fairway.render.registry import ENGINES


async def scale(objects: Objects, owner: Owner, workload: Workload, is_ours: IsOurs, fence: Fence) -> None:
    """Say how many servers there are to be, or have an autoscaler say it.

    What is not wanted goes first: an autoscaler that is still there would undo a fixed number.

    Raises:
        KubeError, Conflict: something could not be written or deleted.
    """
    engine, name = ENGINES[workload.revision.engine.type], workload.revision.name
    if DEPLOYMENT not in engine.kinds:
        return
    deployment = engine.deployment(name)
    wanted = scaling_objects(owner, workload, deployment)
    for kind in SCALING_KINDS:
        if kind not in wanted and objects.cache.get(kind, owner.namespace, name) is not None:
            await objects.remove(kind, owner.namespace, name, is_ours)
    for obj in wanted.values():
        await objects.ensure(obj, is_ours, fence)
    if HPA not in wanted:
        await objects.set_replicas(
            DEPLOYMENT, owner.namespace, deployment, workload.capacity.servers, is_ours, fence
        )
