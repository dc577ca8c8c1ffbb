"""What a Deployment and its pods say about one revision, in words for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fairway.adapters.kube.kinds import Obj
from fairway.adapters.kube.pod_words import (
    containers,
    death,
    init_containers,
    last_reason,
    last_words,
    trouble_of,
)
from fairway.core.model import Health, WorkloadHealth

CONTENT_CHANGED = "ModelContentChanged"
"""The reason that a fetch leaves when what it gets is not what the revision was made of."""


def read_health(
    deployment: Obj | None, pods: Iterable[Obj], fatal_exit_codes: frozenset[int]
) -> WorkloadHealth:
    """How the servers of a revision are.

    Args:
        deployment: None when there is none.
        pods: of this revision, in any order.
        fatal_exit_codes: exits of the server that starting it again cannot cure.
    """
    if deployment is None:
        return WorkloadHealth()
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    restarts = sum(int(status.get("restartCount", 0)) for pod in alive for status in containers(pod))
    if _available(deployment):
        return WorkloadHealth(Health.READY, restarts=restarts)
    for pod in alive:
        for status in containers(pod):
            died = death(status)
            if died is not None and died.get("exitCode") in fatal_exit_codes:
                return WorkloadHealth(Health.FAILED, last_words(died), restarts)
        if (changed := _content_changed(pod)) is not None:
            return WorkloadHealth(Health.FAILED, changed, restarts, content_changed=True)
    words = [*_refused(deployment), *(word for pod in alive for word in trouble_of(pod))]
    return WorkloadHealth(Health.STARTING, words[0] if words else "the server is starting", restarts)


def _available(deployment: Obj) -> bool:
    """All that are wanted answer, by a status that is about the newest spec."""
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 1):
        return False
    wanted = int(spec.get("replicas", 1))
    return wanted > 0 and min(int(status.get(k, 0)) for k in ("readyReplicas", "updatedReplicas")) >= wanted


def _content_changed(pod: Obj) -> str | None:
    """Trying again cannot help: what is fetched is somebody else's by now."""
    deaths = (death(status) for status in init_containers(pod))
    return next(
        (last_words(died) for died in deaths if died is not None and last_reason(died) == CONTENT_CHANGED),
        None,
    )


def _refused(deployment: Obj) -> Iterator[str]:
    """Why not even a pod could be made: a quota, a policy, a missing account."""
    for condition in deployment.get("status", {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield f"no pod can be made: {condition.get('message') or condition.get('reason', '')}"
