"""What people read when a server does not come up, from objects as Kubernetes writes them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from fairway.adapters.kube.workload_health import read_health
from fairway.core.model import Health, WorkloadHealth

Obj = dict[str, Any]
FATAL = frozenset({3})


def deployment(ready: int = 0, *, replicas: int = 1, observed: int = 1, **status: Any) -> Obj:
    counts = {"readyReplicas": ready, "updatedReplicas": ready, "observedGeneration": observed}
    return {"metadata": {"generation": 1}, "spec": {"replicas": replicas}, "status": counts | status}


def pod(*servers: Obj, init: tuple[Obj, ...] = (), conditions: tuple[Obj, ...] = (), **metadata: Any) -> Obj:
    status = {
        "containerStatuses": list(servers),
        "initContainerStatuses": list(init),
        "conditions": list(conditions),
    }
    return {"metadata": {"uid": "1", **metadata}, "status": status}


def server(state: Obj | None = None, last: Obj | None = None, restarts: int = 0) -> Obj:
    return {"image": "img", "state": state or {}, "lastState": last or {}, "restartCount": restarts}


def died(code: int, message: str = "", reason: str = "Error") -> Obj:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


def waiting(reason: str, message: str = "") -> Obj:
    return {"waiting": {"reason": reason, "message": message}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
}
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: compute"}
LAST_WORDS = '{"reason": "ModelInvalid", "message": "not an ONNX file"}'


class Case(NamedTuple):
    why: str
    deployment: Obj | None
    pods: tuple[Obj, ...]
    want: Health
    words: str


CASES = (
    Case("no Deployment is absent", None, (), Health.ABSENT, ""),
    Case("all replicas ready is ready", deployment(1), (pod(server()),), Health.READY, ""),
    Case("some replicas ready is not", deployment(1, replicas=2), (), Health.STARTING, "starting"),
    Case(
        "a status about an older spec is not ready",
        deployment(1, observed=0),
        (),
        Health.STARTING,
        "starting",
    ),
    Case(
        "an image that is not there",
        deployment(),
        (pod(server(waiting("ImagePullBackOff", "Back-off pulling image"))),),
        Health.STARTING,
        "the image img cannot be pulled: Back-off pulling image",
    ),
    Case(
        "a pod that no node takes",
        deployment(),
        (pod(conditions=(UNSCHEDULABLE,)),),
        Health.STARTING,
        "no node takes the pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
    ),
    Case(
        "a quota that allows no pod",
        deployment(conditions=[QUOTA]),
        (),
        Health.STARTING,
        "no pod can be made: exceeded quota: compute",
    ),
    Case(
        "a server that crashes",
        deployment(),
        (pod(server(waiting("CrashLoopBackOff"), died(1, "boom"), 4)),),
        Health.STARTING,
        "the server died: boom",
    ),
    Case(
        "a server that had too little memory",
        deployment(),
        (pod(server(waiting("CrashLoopBackOff"), died(137, reason="OOMKilled"))),),
        Health.STARTING,
        "the server died: out of memory",
    ),
    Case(
        "a server that can never serve this model",
        deployment(),
        (pod(server(waiting("CrashLoopBackOff"), died(3, LAST_WORDS))),),
        Health.FAILED,
        "ModelInvalid: not an ONNX file",
    ),
    Case(
        "a model that cannot be fetched",
        deployment(),
        (
            pod(
                server(waiting("PodInitializing")),
                init=(server(waiting("CrashLoopBackOff"), died(1, "404 Not Found")),),
            ),
        ),
        Health.STARTING,
        "the model cannot be fetched: 404 Not Found",
    ),
    Case(
        "a configuration that is missing",
        deployment(),
        (pod(server(waiting("CreateContainerConfigError", "secret not found"))),),
        Health.STARTING,
        "the container cannot be started: secret not found",
    ),
    Case(
        "a pod that goes says nothing",
        deployment(),
        (pod(server(died(1, "old news")), deletionTimestamp="now"),),
        Health.STARTING,
        "the server is starting",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_health_in_words(case: Case) -> None:
    found = read_health(case.deployment, case.pods, FATAL)
    assert found.health is case.want
    assert case.words in found.message


def test_restarts_of_all_pods_are_added_up() -> None:
    found = read_health(deployment(2, replicas=2), (pod(server(restarts=2)), pod(server(restarts=3))), FATAL)
    assert found == WorkloadHealth(Health.READY, restarts=5)


def test_content_that_is_not_the_revisions_fails_it_and_is_named() -> None:
    """Trying again cannot help, and users must not wait for the deadline of the rollout."""
    words = json.dumps({"reason": "ModelContentChanged", "message": "s3://models/a now has sha256 b"})
    fetch = server(waiting("CrashLoopBackOff"), died(1, words))
    found = read_health(deployment(), (pod(server(waiting("PodInitializing")), init=(fetch,)),), FATAL)
    assert (found.health, found.content_changed) == (Health.FAILED, True)
    assert "s3://models/a now has sha256 b" in found.message
