"""What a Deployment and its pods say about one revision, in words for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fairway.adapters.kube.kinds import Obj
from fairway.adapters.kube.pod_words import (
    Trouble,
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
    answering, asked = _answering(deployment), _asked(deployment)
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    restarts = sum(int(status.get("restartCount", 0)) for pod in alive for status in containers(pod))
    troubles = [*_refused(deployment), *(one for pod in alive for one in trouble_of(pod))]
    first = troubles[0] if troubles else Trouble("", "")
    if answering > 0:
        message, reason = (first.message, first.reason) if answering < asked else ("", "")
        return WorkloadHealth(
            Health.READY, message, restarts, reason=reason, answering=answering, asked=asked
        )
    for pod in alive:
        for status in containers(pod):
            died = death(status)
            if died is not None and died.get("exitCode") in fatal_exit_codes:
                return WorkloadHealth(Health.FAILED, last_words(died), restarts)
        if (changed := _content_changed(pod)) is not None:
            return WorkloadHealth(Health.FAILED, changed, restarts, content_changed=True)
    words = first.message or "the server is starting"
    return WorkloadHealth(
        Health.STARTING, words, restarts, reason=first.reason, answering=answering, asked=asked
    )


def _asked(deployment: Obj) -> int:
    return int(deployment.get("spec", {}).get("replicas", 1))


def _answering(deployment: Obj) -> int:
    """Pods that are ready and as they should be; how many there should be may change meanwhile."""
    status = deployment.get("status", {})
    ready = min(int(status.get(key, 0)) for key in ("readyReplicas", "updatedReplicas"))
    return min(ready, _asked(deployment))


def _content_changed(pod: Obj) -> str | None:
    """Trying again cannot help: what is fetched is somebody else's by now."""
    deaths = (death(status) for status in init_containers(pod))
    return next(
        (last_words(died) for died in deaths if died is not None and last_reason(died) == CONTENT_CHANGED),
        None,
    )


QUOTA_EXCEEDED = "QuotaExceeded"
ACCOUNT_MISSING = "ServiceAccountMissing"
PRIORITY_CLASS_MISSING = "PriorityClassMissing"
PODS_REFUSED = "PodsRefused"
_REFUSALS = (
    ("exceeded quota", QUOTA_EXCEEDED, "ask for less, or have the namespace's quota raised"),
    ("service account", ACCOUNT_MISSING, "make it, or name another in spec.model.serviceAccountName"),
    ("PriorityClass", PRIORITY_CLASS_MISSING, "name one that exists in spec.podTemplate.priorityClassName"),
)
"""By what the API server says when a pod is not admitted: the reason, and what to do."""


def _refused(deployment: Obj) -> Iterator[Trouble]:
    """Why not even a pod could be made: a quota, a policy, a missing account."""
    for condition in deployment.get("status", {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            words = f"no pod can be made: {condition.get('message') or condition.get('reason', '')}"
            yield next(
                (
                    Trouble(reason, f"{words}; {advice}")
                    for sign, reason, advice in _REFUSALS
                    if sign in words
                ),
                Trouble(PODS_REFUSED, words),
            )
