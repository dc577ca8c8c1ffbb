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
    reason: str = ""


CASES = (
    Case("no Deployment is absent", None, (), Health.ABSENT, ""),
    Case("all replicas ready is ready", deployment(1), (pod(server()),), Health.READY, ""),
    Case("one server answers: the others may come", deployment(1, replicas=2), (), Health.READY, ""),
    Case(
        "one answers, and what keeps the other from it is said",
        deployment(1, replicas=2),
        (pod(server()), pod(conditions=(UNSCHEDULABLE,))),
        Health.READY,
        "no node takes the pod",
        "Unschedulable",
    ),
    Case(
        "one that is scaled this very moment is as ready as before",
        deployment(1, replicas=3, observed=0),
        (pod(server()),),
        Health.READY,
        "",
    ),
    Case("none is wanted", deployment(1, replicas=0), (), Health.STARTING, "starting"),
    Case(
        "an image that is not there",
        deployment(),
        (pod(server(waiting("ImagePullBackOff", "Back-off pulling image"))),),
        Health.STARTING,
        "the image img cannot be pulled: Back-off pulling image",
        "ImageNotPulled",
    ),
    Case(
        "a pod that no node takes",
        deployment(),
        (pod(conditions=(UNSCHEDULABLE,)),),
        Health.STARTING,
        "no node takes the pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        "Unschedulable",
    ),
    Case(
        "a quota that allows no pod",
        deployment(conditions=[QUOTA]),
        (),
        Health.STARTING,
        "no pod can be made: exceeded quota: compute",
        "QuotaExceeded",
    ),
    Case(
        "a server that crashes",
        deployment(),
        (pod(server(waiting("CrashLoopBackOff"), died(1, "boom"), 4)),),
        Health.STARTING,
        "the server died: boom",
        "ServerCrashes",
    ),
    Case(
        "a server that had too little memory",
        deployment(),
        (pod(server(waiting("CrashLoopBackOff"), died(137, reason="OOMKilled"))),),
        Health.STARTING,
        "the server died: out of memory",
        "OutOfMemory",
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
        "ModelNotFetched",
    ),
    Case(
        "a configuration that is missing",
        deployment(),
        (pod(server(waiting("CreateContainerConfigError", "secret not found"))),),
        Health.STARTING,
        "the container cannot be started: secret not found",
        "ContainerNotStarted",
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
    assert found.reason == case.reason


def test_restarts_of_all_pods_are_added_up() -> None:
    found = read_health(deployment(2, replicas=2), (pod(server(restarts=2)), pod(server(restarts=3))), FATAL)
    assert found == WorkloadHealth(Health.READY, restarts=5, answering=2, asked=2)


def refusal(words: str) -> Obj:
    return deployment(conditions=[{"type": "ReplicaFailure", "status": "True", "message": words}])


@pytest.mark.parametrize(
    ("words", "reason", "advice"),
    [
        (
            'pods "x" is forbidden: error looking up service account a/reader: not found',
            "ServiceAccountMissing",
            "spec.model.serviceAccountName",
        ),
        (
            'pods "x" is forbidden: no PriorityClass with name models was found',
            "PriorityClassMissing",
            "spec.podTemplate.priorityClassName",
        ),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "PodsRefused", "violates"),
    ],
)
def test_what_is_missing_for_a_pod_is_named_with_what_to_do(words: str, reason: str, advice: str) -> None:
    found = read_health(refusal(words), (), FATAL)
    assert found.reason == reason
    assert advice in found.message


def test_a_pod_without_a_node_says_what_it_asks_for() -> None:
    """The scheduler's words count nodes; a person has to know which node to add."""
    placed = pod(conditions=(UNSCHEDULABLE,))
    required = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["NVIDIA-H200"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [required]}]}
    placed["spec"] = {
        "containers": [{"resources": {"requests": {"nvidia.com/gpu": "2", "cpu": "1"}}}],
        "nodeSelector": {"pool": "models"},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
    }
    message = read_health(deployment(), (placed,), FATAL).message
    asks = "cpu 1, nvidia.com/gpu 2 on a node with pool=models and nvidia.com/gpu.product In (NVIDIA-H200)"
    assert f"it asks for {asks}: add or free a node" in message


def test_a_claim_that_is_missing_is_not_a_want_of_nodes() -> None:
    words = '0/1 nodes are available: persistentvolumeclaim "weights" not found.'
    found = read_health(deployment(), (pod(conditions=({**UNSCHEDULABLE, "message": words},)),), FATAL)
    assert found.reason == "VolumeClaimMissing"
    assert "spec.model.uri" in found.message


def test_content_that_is_not_the_revisions_fails_it_and_is_named() -> None:
    """Trying again cannot help, and users must not wait for the deadline of the rollout."""
    words = json.dumps({"reason": "ModelContentChanged", "message": "s3://models/a now has sha256 b"})
    fetch = server(waiting("CrashLoopBackOff"), died(1, words))
    found = read_health(deployment(), (pod(server(waiting("PodInitializing")), init=(fetch,)),), FATAL)
    assert (found.health, found.content_changed) == (Health.FAILED, True)
    assert "s3://models/a now has sha256 b" in found.message
