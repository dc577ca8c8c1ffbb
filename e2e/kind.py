"""A kind cluster with Fairway installed in it, and a namespace of it as the place of a scenario."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import yaml
from e2e import store
from e2e.cluster import binaries
from e2e.cluster.engine import Engine, engine
from e2e.cluster.kind import KindFromPackages, KindUpstream
from e2e.eyes import Eyes
from e2e.helm import NAMESPACE, Helm
from e2e.images import base_image, make_images
from e2e.load import Users
from e2e.models import Model
from e2e.platform import ROLLOUT, Status

OPERATOR = "app.kubernetes.io/name=fairway-operator"
ROUTER = "app.kubernetes.io/managed-by=fairway,fairway.dev/component=router"
USERS = "e2e-users"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_WITHIN = 120.0
_numbers = count(1)


@dataclass(frozen=True)
class Kind:
    """The cluster, the images in it, and the release that serves all namespaces."""

    provider: KindUpstream
    docker: Engine
    images: dict[str, str]
    helm: Helm
    eyes: Eyes

    @classmethod
    def up(cls, provider: KindUpstream) -> Kind:
        """Find the cluster or make it, build and load the images, install Fairway and the store.

        Raises:
            ClusterError: a step failed; it names the step and its log.
        """
        cluster, docker = provider.up(), engine()
        published = not isinstance(provider, KindFromPackages)
        images = make_images(docker, base_image(docker, published=published))
        provider.load(*images.values())
        tool = binaries.find_or_make("helm")
        helm = Helm(tool, cluster.kubeconfig, images, provider.folder / "helm.log")
        kind = cls(provider, docker, images, helm, Eyes(cluster.kubeconfig))
        helm.install()
        kind.apply(*store.store(images["e2e"]), _namespace(USERS))
        kind.kubectl(
            "rollout", "status", "deployment/store", f"--namespace={store.NAMESPACE}", "--timeout=2m"
        )
        return kind

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """What kubectl prints.

        Raises:
            AssertionError: it failed; with its words.
        """
        command = [str(self.provider.tool("kubectl")), f"--kubeconfig={self.provider.kubeconfig}", *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, input=given)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr.strip()}"
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "--server-side", "--filename=-", given=yaml.safe_dump_all(objects))

    @contextlib.contextmanager
    def place(self, namespace: str) -> Iterator[KindPlace]:
        """A new namespace for one scenario; it goes afterwards, and nobody waits for that."""
        self.apply(_namespace(namespace), store.credentials(namespace))
        try:
            yield KindPlace(self, namespace)
        finally:
            self.kubectl("delete", "namespace", namespace, "--wait=false")

    def operators(self) -> list[Any]:
        """Its pods that are meant to run."""
        return self.eyes.pods(NAMESPACE, OPERATOR)

    def leader(self) -> Any:
        """The pod that holds the lease; None when nobody that runs does."""
        lease = self.eyes.coordination.read_namespaced_lease("fairway-operator", NAMESPACE)
        holder = lease.spec.holder_identity or ""
        return next((pod for pod in self.operators() if holder.startswith(f"{pod.metadata.name}_")), None)

    def kill_operator(self) -> None:
        """SIGKILL for the process that writes; its pod goes too, so that no back-off delays the next one."""
        leader = self.leader()
        if leader is None:
            return
        for status in leader.status.container_statuses:
            container = (status.container_id or "").rpartition("/")[2]
            command = ["docker", "exec", f"{self.provider.name}-control-plane", "ctr", "--namespace=k8s.io"]
            words = [*command, "task", "kill", "--signal=SIGKILL", container]
            subprocess.run(words, check=True, capture_output=True, env=_environment(self.docker))
        name = leader.metadata.name
        self.kubectl("delete", "pod", name, f"--namespace={NAMESPACE}", "--force", "--grace-period=0")

    def scale_operator(self, replicas: int) -> None:
        """Wait until exactly so many are there; 0 takes it away."""
        words = ("deployment/fairway-operator", f"--namespace={NAMESPACE}")
        self.kubectl("scale", *words, f"--replicas={replicas}")
        eventually(lambda: len(self._all_operators()) == replicas, why=f"{replicas} operators are there")
        if replicas:
            self.kubectl("rollout", "status", *words, f"--timeout={_WITHIN:.0f}s")

    def _all_operators(self) -> list[Any]:
        found: list[Any] = self.eyes.core.list_namespaced_pod(NAMESPACE, label_selector=OPERATOR).items
        return found


@dataclass(frozen=True)
class KindPlace:
    """One namespace; see `e2e.platform.Place`."""

    kind: Kind
    namespace: str

    def apply(self, name: str, model: Model, **spec: Any) -> None:
        self.apply_spec(name, self.spec(model) | spec)

    def apply_spec(self, name: str, spec: dict[str, Any]) -> None:
        body = {
            "apiVersion": "fairway.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }
        self.kind.eyes.put_model(self.namespace, body)

    def spec(self, model: Model) -> dict[str, Any]:
        source = {"uri": store.uri(model.file), "format": "onnx", "secretRef": {"name": store.SECRET}}
        return {"model": source, "engine": {"type": "OnnxRuntime"}, "rollout": ROLLOUT}

    def delete(self, name: str) -> None:
        self.kind.eyes.delete_model(self.namespace, name)

    def status(self, name: str) -> Status:
        found = self.kind.eyes.model(self.namespace, name)
        return (found or {}).get("status") or {}

    def kill_fairway(self) -> None:
        self.kind.kill_operator()

    @contextlib.contextmanager
    def users(self, name: str, *, rate: float = 100.0, requests: int = 100_000) -> Iterator[Users]:
        """A pod in another namespace that calls the model's Service."""
        pod = f"users-{next(_numbers)}-{self.namespace}"[:63].rstrip("-")
        address = f"{name}.{self.namespace}.svc:80"
        flags = ("--model", name, "--rate", str(rate), "--requests", str(requests))
        command = ["python", "-m", "e2e.pods.users", address, *flags]
        self.kind.apply(_users_pod(pod, self.kind.images["e2e"], command))
        users = Users(lambda: self._said(pod))
        try:
            users.until(lambda seen: seen.requests > 0, why="the first request ended")
            yield users
            self._stop(pod)
            users.stopped()
        finally:
            self.kind.kubectl("delete", "pod", pod, f"--namespace={USERS}", "--wait=false")

    def _said(self, pod: str) -> str:
        found = self.kind.eyes.core.read_namespaced_pod(pod, USERS)
        if found.status.phase == "Pending":
            return ""
        text: str = self.kind.eyes.core.read_namespaced_pod_log(pod, USERS, tail_lines=3)
        return text

    def _stop(self, pod: str) -> None:
        def ended() -> bool:
            found = self.kind.eyes.core.read_namespaced_pod(pod, USERS)
            return bool(found.status.phase == "Succeeded")

        if not ended():
            self.kind.kubectl("exec", pod, f"--namespace={USERS}", "--", "sh", "-c", "kill -TERM 1")
        eventually(ended, why="the users have stopped")


def eventually(condition: Callable[[], Any], *, why: str, within: float = _WITHIN) -> Any:
    """What the condition returns once that is true; AssertionError when it never is."""
    end = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {within:.0f} s until {why}"
        time.sleep(0.3)
    return found


def _environment(docker: Engine) -> dict[str, str]:
    return {**os.environ, **docker.env}


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}


def _users_pod(name: str, image: str, command: list[str]) -> dict[str, Any]:
    container = {
        "name": "users",
        "image": image,
        "command": command,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": USERS}, "spec": spec}
