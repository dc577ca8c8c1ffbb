"""What a Deployment and its pods say about one revision, in words for a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from fairway.adapters.kube.kinds import Obj
from fairway.core.model import Health, WorkloadHealth

IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


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
    restarts = sum(int(status.get("restartCount", 0)) for pod in alive for status in _servers(pod))
    if _available(deployment):
        return WorkloadHealth(Health.READY, restarts=restarts)
    for pod in alive:
        for status in _servers(pod):
            died = _death(status)
            if died is not None and died.get("exitCode") in fatal_exit_codes:
                return WorkloadHealth(Health.FAILED, _last_words(died), restarts)
    words = [*_refused(deployment), *(word for pod in alive for word in _trouble(pod))]
    return WorkloadHealth(Health.STARTING, words[0] if words else "the server is starting", restarts)


def _available(deployment: Obj) -> bool:
    """All that are wanted answer, by a status that is about the newest spec."""
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 1):
        return False
    wanted = int(spec.get("replicas", 1))
    return wanted > 0 and min(int(status.get(k, 0)) for k in ("readyReplicas", "updatedReplicas")) >= wanted


def _refused(deployment: Obj) -> Iterator[str]:
    """Why not even a pod could be made: a quota, a policy, a missing account."""
    for condition in deployment.get("status", {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield f"no pod can be made: {condition.get('message') or condition.get('reason', '')}"


def _trouble(pod: Obj) -> Iterator[str]:
    """What keeps this pod from being ready, the nearest to the cause first."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield f"no node takes the pod: {condition.get('message') or condition.get('reason', '')}"
    for status in pod.get("status", {}).get("initContainerStatuses") or ():
        yield from _waiting(status, "the model cannot be fetched")
    for status in _servers(pod):
        yield from _waiting(status, "the server died")


def _waiting(status: Obj, died_words: str) -> Iterator[str]:
    waiting = status.get("state", {}).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in IMAGE_PULL:
        yield f"the image {status.get('image', '')} cannot be pulled: {waiting.get('message') or reason}"
    elif reason in CONFIG:
        yield f"the container cannot be started: {waiting.get('message') or reason}"
    died = _death(status)
    if died is None or died.get("exitCode") == 0:
        return
    if died.get("reason") == "OOMKilled":
        yield f"{died_words}: out of memory (it had more than its limit)"
    else:
        yield f"{died_words}: {_last_words(died)}"


def _death(status: Obj) -> Obj | None:
    """The newest end of this container, if it has not run again since."""
    state, last = status.get("state", {}), status.get("lastState", {})
    found: Obj | None = state.get("terminated") or (None if status.get("ready") else last.get("terminated"))
    return found


def _last_words(died: Obj) -> str:
    """Our server leaves JSON with a reason and a message; another one may leave any text."""
    text = str(died.get("message") or "")
    try:
        left = json.loads(text)
        return f"{left['reason']}: {left['message']}"
    except (ValueError, KeyError, TypeError):
        return text.strip() or f"exit code {died.get('exitCode')} ({died.get('reason', 'no reason given')})"


def _servers(pod: Obj) -> list[Obj]:
    return pod.get("status", {}).get("containerStatuses") or []
