"""What is read from the status of a resolver's pod."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairway.adapters.kube.resolver_answer import READING, is_spent, read_answer
from fairway.core.model import ArtifactState

URI = "s3://models/a"
SHA256 = "a" * 64
RIGHT = json.dumps({"sha256": SHA256, "bytes": 3, "files": 1})


def pod(phase: str = "Running", **container: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": {"phase": phase, "containerStatuses": [container]}}


def ended(code: int, message: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}


def words(reason: str, message: str) -> str:
    return json.dumps({"reason": reason, "message": message})


CRASHING = {"waiting": {"reason": "CrashLoopBackOff"}}
CASES = {
    "no pod": (None, ArtifactState(URI)),
    "it reads": (pod(state={"running": {}}), ArtifactState(URI, waiting=READING)),
    "it answers": (pod("Succeeded", state=ended(0, RIGHT)), ArtifactState(URI, sha256=SHA256)),
    "somebody must act": (
        pod(state=CRASHING, lastState=ended(1, words("ModelNotFound", "there is none"))),
        ArtifactState(URI, error="there is none"),
    ),
    "it may pass": (
        pod(state=CRASHING, lastState=ended(1, words("StoreTimedOut", "no answer"))),
        ArtifactState(URI, waiting="no answer"),
    ),
    "it took too long": (
        {"metadata": {}, "status": {"phase": "Failed", "message": "longer than the deadline"}},
        ArtifactState(URI, waiting="the pod that read it ended without an answer: longer than the deadline"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_pod_is_read_like_this(case: str) -> None:
    found, want = CASES[case]
    assert read_answer(found, URI) == want


@pytest.mark.parametrize(
    "message", ["", "Traceback", "[]", '{"sha256": 1}', json.dumps({"sha256": "A" * 64}), '{"sha256": null}']
)
def test_what_is_no_digest_is_no_answer(message: str) -> None:
    """The pod is in the user's namespace: whoever may write its status may write anything."""
    found = pod("Succeeded", state=ended(0, message))
    assert read_answer(found, URI).sha256 is None
    assert is_spent(found)


def test_a_digest_of_a_try_that_failed_is_no_answer() -> None:
    assert read_answer(pod(state=CRASHING, lastState=ended(1, RIGHT)), URI).sha256 is None


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_pod_that_may_still_answer_is_not_spent(phase: str) -> None:
    assert not is_spent(pod(phase, state=CRASHING, lastState=ended(1, words("ModelNotFound", "none"))))


def test_words_of_the_cluster_are_passed_on() -> None:
    found = pod(state={"waiting": {"reason": "ImagePullBackOff"}}, image="registry.example/f")
    assert "registry.example/f cannot be pulled" in read_answer(found, URI).waiting
    died = pod(state=CRASHING, lastState=ended(137, ""))
    assert read_answer(died, URI).waiting.startswith("the pod that reads it died: ")
