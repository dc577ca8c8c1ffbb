"""What a pod says about itself, in words for a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fairway.adapters.kube.kinds import Obj

IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def trouble_of(pod: Obj, died_words: str = "the server died") -> Iterator[str]:
    """What keeps this pod from being ready, the nearest to the cause first.

    Args:
        pod: any of ours.
        died_words: about a container that ended with an error.
    """
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield f"no node takes the pod: {condition.get('message') or condition.get('reason', '')}"
    for status in init_containers(pod):
        yield from _waiting(status, "the model cannot be fetched")
    for status in containers(pod):
        yield from _waiting(status, died_words)


def _waiting(status: Obj, died_words: str) -> Iterator[str]:
    waiting = status.get("state", {}).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in IMAGE_PULL:
        yield f"the image {status.get('image', '')} cannot be pulled: {waiting.get('message') or reason}"
    elif reason in CONFIG:
        yield f"the container cannot be started: {waiting.get('message') or reason}"
    died = death(status)
    if died is None or died.get("exitCode") == 0:
        return
    if died.get("reason") == "OOMKilled":
        yield f"{died_words}: out of memory (it had more than its limit)"
    else:
        yield f"{died_words}: {last_words(died)}"


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
