"""What a pod says about itself, in words for a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from fairway.adapters.kube.kinds import Obj
from fairway.adapters.kube.pod_asks import asks_of


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, in one word for programs and in a sentence for a person, with what to do."""

    reason: str
    message: str


def trouble_of(pod: Obj, died_words: str = "the server died") -> Iterator[Trouble]:
    """What keeps this pod from being ready, the nearest to the cause first.

    Args:
        pod: any of ours.
        died_words: about a container that ended with an error.
    """
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield _unscheduled(pod, condition.get("message") or condition.get("reason", ""))
    for status in init_containers(pod):
        yield from _not_started(status)
        yield from _died(status, "the model cannot be fetched", NOT_FETCHED)
    for status in containers(pod):
        yield from _not_started(status)
        yield from _died(status, died_words, CRASHES)


UNSCHEDULABLE = "Unschedulable"
CLAIM_MISSING = "VolumeClaimMissing"


def _unscheduled(pod: Obj, words: str) -> Trouble:
    if "persistentvolumeclaim" in words and "not found" in words:
        advice = "make the claim in the model's namespace, or name another in spec.model.uri"
        return Trouble(CLAIM_MISSING, f"no node takes the pod: {words} {advice}")
    advice = f"it asks for {asks_of(pod)}: add or free a node that has it, or ask for less"
    return Trouble(UNSCHEDULABLE, f"no node takes the pod: {words} {advice}")


IMAGE_NOT_PULLED = "ImageNotPulled"
NOT_STARTED = "ContainerNotStarted"
_IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def _not_started(status: Obj) -> Iterator[Trouble]:
    waiting = status.get("state", {}).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in _IMAGE_PULL:
        words = f"the image {status.get('image', '')} cannot be pulled: {waiting.get('message') or reason}"
        yield Trouble(IMAGE_NOT_PULLED, f"{words}; see that it exists and that nodes may pull it")
    elif reason in _CONFIG:
        yield Trouble(NOT_STARTED, f"the container cannot be started: {waiting.get('message') or reason}")


OUT_OF_MEMORY = "OutOfMemory"
CRASHES = "ServerCrashes"
NOT_FETCHED = "ModelNotFetched"


def _died(status: Obj, died_words: str, reason: str) -> Iterator[Trouble]:
    died = death(status)
    if died is None or died.get("exitCode") == 0:
        return
    if died.get("reason") == "OOMKilled":
        words = f"{died_words}: out of memory (it had more than its limit)"
        yield Trouble(OUT_OF_MEMORY, f"{words}; raise spec.resources.limits.memory, and its request")
    else:
        yield Trouble(reason, f"{died_words}: {last_words(died)}")


def death(status: Obj) -> Obj | None:
    """The newest end of this container, if it has not run again since."""
    state, last = status.get("state", {}), status.get("lastState", {})
    found: Obj | None = state.get("terminated") or (None if status.get("ready") else last.get("terminated"))
    return found


def last_words(died: Obj) -> str:
    """Our programs leave JSON with a reason and a message; another one may leave any text."""
    left = last_facts(died)
    if {"reason", "message"} <= left.keys():
        return f"{left['reason']}: {left['message']}"
    text = str(died.get("message") or "").strip()
    return text or f"exit code {died.get('exitCode')} ({died.get('reason', 'no reason given')})"


def last_reason(died: Obj) -> str | None:
    """The reason in the JSON that one of our programs left."""
    reason = last_facts(died).get("reason")
    return None if reason is None else str(reason)


def last_facts(died: Obj) -> Obj:
    """The JSON that one of our programs left; nothing for any other text."""
    try:
        left = json.loads(str(died.get("message") or ""))
    except ValueError:
        return {}
    return left if isinstance(left, dict) else {}


def containers(pod: Obj) -> list[Obj]:
    """The states of its containers."""
    return pod.get("status", {}).get("containerStatuses") or []


def init_containers(pod: Obj) -> list[Obj]:
    """The states of the containers that run before the others."""
    return pod.get("status", {}).get("initContainerStatuses") or []
