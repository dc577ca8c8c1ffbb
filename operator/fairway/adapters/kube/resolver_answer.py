"""What a resolver's pod says about a model's content. Pure."""

from __future__ import annotations

import re

from fairway.adapters.kube.kinds import Obj
from fairway.adapters.kube.pod_words import containers, death, last_facts, trouble_of
from fairway.core.model import ArtifactState

PASSING = frozenset({"StoreUnreachable", "StoreTimedOut", "Interrupted"})
"""Reasons that go away by themselves; for all others somebody must do something."""
READING = "a pod reads what lies behind spec.model.uri"
_SHA256 = re.compile("[a-f0-9]{64}")


def read_answer(pod: Obj | None, uri: str) -> ArtifactState:
    """The digest, or one sentence about why there is none yet.

    Args:
        pod: None when there is none.
        uri: what it was asked about.
    """
    if pod is None:
        return ArtifactState(uri)
    if (sha256 := _digest(pod)) is not None:
        return ArtifactState(uri, sha256=sha256)
    for died in _deaths(pod):
        facts = last_facts(died)
        if {"reason", "message"} <= facts.keys():
            words = str(facts["message"])
            passing = facts["reason"] in PASSING
            return ArtifactState(uri, waiting=words) if passing else ArtifactState(uri, error=words)
    if is_spent(pod):
        words = pod.get("status", {}).get("message") or "its last words cannot be read"
        return ArtifactState(uri, waiting=f"the pod that read it ended without an answer: {words}")
    trouble = next(trouble_of(pod, "the pod that reads it died"), None)
    return ArtifactState(uri, waiting=trouble.message if trouble is not None else READING)


def is_spent(pod: Obj) -> bool:
    """It has ended and said nothing: only another one can."""
    phase = pod.get("status", {}).get("phase")
    return phase == "Failed" or (phase == "Succeeded" and _digest(pod) is None)


def _deaths(pod: Obj) -> list[Obj]:
    return [died for status in containers(pod) if (died := death(status)) is not None]


def _digest(pod: Obj) -> str | None:
    for died in _deaths(pod):
        found = last_facts(died).get("sha256")
        if died.get("exitCode") == 0 and isinstance(found, str) and _SHA256.fullmatch(found):
            return found
    return None
