"""A cluster that runs pods really does: `make cluster-check`. Takes minutes the first time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e.cluster.cache import cache
from e2e.cluster.engine import engine
from e2e.cluster.images import Images
from e2e.cluster.kind import KindFromPackages
from e2e.cluster.python_image import python_image

SERVER = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["HOSTNAME"].encode())
http.server.ThreadingHTTPServer(("", 8000), Name).serve_forever()
"""
ASK = """
import urllib.request
try:
    print(urllib.request.urlopen("http://web.pods.svc.cluster.local", timeout=5).read().decode())
except OSError:
    pass  # kube-proxy writes its rules a moment after the pods are ready
"""
EAT = "x = []\nwhile True: x.append(bytearray(2**20))"
SECONDS = 120

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def image() -> str:
    provider = KindFromPackages()
    if provider.missing():
        pytest.skip(provider.missing())
    provider.up()
    tag = python_image(Images(cache(), engine()))
    provider.load(tag)
    return tag


@pytest.fixture(scope="module")
def kubectl(image: str) -> Iterator[Kubectl]:
    """kubectl in a namespace of its own, which goes afterwards."""
    provider = KindFromPackages()
    words = [str(provider.tool("kubectl")), f"--kubeconfig={provider.kubeconfig}", "--namespace=pods"]

    def call(*arguments: str, given: Any = None) -> str:
        done = subprocess.run(
            [*words, *arguments],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    call("create", "namespace", "pods")
    yield call
    call("delete", "namespace", "pods")


def container(image: str, program: str, **more: Any) -> dict[str, Any]:
    return {"name": "it", "image": image, "command": ["python3", "-c", program], **more}


@pytest.fixture(scope="module")
def web(image: str, kubectl: Kubectl) -> None:
    labels = {"app": "web"}
    probe = {"httpGet": {"port": 8000}, "periodSeconds": 1}
    pod = {"containers": [container(image, SERVER, readinessProbe=probe)]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    for manifest in (deployment, service):
        kubectl("apply", "--filename=-", given=manifest)
    kubectl("rollout", "status", "deployment/web", f"--timeout={SECONDS}s")


@pytest.mark.usefixtures("web")
def test_both_pods_answer_under_the_name_of_their_service(kubectl: Kubectl) -> None:
    """DNS, the virtual address of a Service, and the network between pods."""
    pods = set(kubectl("get", "pods", "--output=jsonpath={.items[*].metadata.name}").split())
    answered: set[str] = set()
    end = time.monotonic() + SECONDS
    while answered != pods:
        assert time.monotonic() < end, f"{pods - answered} never answered"
        answered |= set(kubectl("exec", "deployment/web", "--", "python3", "-c", ASK).split())


def test_a_pod_that_takes_more_memory_than_it_may_is_killed(image: str, kubectl: Kubectl) -> None:
    limits = {"limits": {"memory": "64Mi"}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "eater"},
        "spec": {"restartPolicy": "Never", "containers": [container(image, EAT, resources=limits)]},
    }
    kubectl("apply", "--filename=-", given=pod)
    kubectl("wait", "pod/eater", "--for=jsonpath={.status.phase}=Failed", f"--timeout={SECONDS}s")
    ended = "jsonpath={.status.containerStatuses[0].state.terminated.reason}"
    assert kubectl("get", "pod/eater", f"--output={ended}") == "OOMKilled"
