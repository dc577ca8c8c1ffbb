"""Real pods: one node of Kubernetes in a container, by kind.

`KindFromPackages` makes all its parts from package registries. `KindUpstream` uses kind and kubectl of the
machine and the published node image, for whoever has a container registry in reach.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from e2e.cluster import binaries, engine
from e2e.cluster.cache import cache
from e2e.cluster.commands import run
from e2e.cluster.engine import Engine
from e2e.cluster.errors import CannotMake
from e2e.cluster.images import Images
from e2e.cluster.node_image import IN_IMAGES, ON_NODE, node_image
from e2e.cluster.progress import say, step
from e2e.cluster.provider import Cluster

NAME = "fairway"
_PARTS = ("deployment/coredns", "daemonset/kube-proxy")
_PART_SECONDS = 180
# Without CAP_SYS_RESOURCE nobody can ask the kernel to spare a process when memory runs out.
_NO_OOM_SCORES = '[plugins."io.containerd.grpc.v1.cri"]\nrestrict_oom_score_adj = true\n'


class KindUpstream:
    """Provider of a one-node cluster, as anybody with kind and a registry has it."""

    def __init__(self, name: str = NAME) -> None:
        self.name = name
        self.folder = cache().root / "clusters" / name
        self.kubeconfig = self.folder / "kubeconfig"
        self.log = self.folder / "kind.log"

    def missing(self) -> str:
        lacking = [name for name in ("docker", "kind", "kubectl") if shutil.which(name) is None]
        if lacking:
            return f"not installed: {', '.join(lacking)}"
        return "" if engine.running() else "no Docker engine answers"

    def up(self) -> Cluster:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with cache().one_at_a_time(f"cluster-{self.name}"):
            self.log.write_text("")
            docker = self.engine()
            if not self._is_there(docker):
                words = self.create(docker)
                with step(f"creating the cluster {self.name}"):
                    self._kind(docker, "creating the cluster", "create", "cluster", *words, *self._target())
            with step("waiting for names and Services"):
                for part in _PARTS:
                    self._wait_for(part)
        return Cluster(self.kubeconfig, runs_pods=True)

    def down(self) -> None:
        docker = engine.running()
        if docker and self.folder.exists():
            self._delete(docker)
            if not self._clusters(docker):
                self.after_the_last()
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, *images: str) -> None:
        docker = self.engine()
        lacking = [image for image in images if not self._on_node(docker, image)]
        if lacking:  # all at once: what they have in common is sent once
            with step(f"loading {len(lacking)} images into {self.name}"):
                words = ("load", "docker-image", *lacking, f"--name={self.name}")
                self._kind(docker, f"loading {', '.join(lacking)}", *words)

    def engine(self) -> Engine:
        return engine.engine()

    def tool(self, name: str) -> Path:
        """The binary of kind or kubectl."""
        return Path(shutil.which(name) or name)

    def create(self, docker: Engine) -> tuple[str, ...]:
        """Flags of `kind create cluster`, and whatever has to be there before."""
        del docker
        return ()

    def after_the_last(self) -> None:
        """What goes when no cluster is left."""

    def _is_there(self, docker: Engine) -> bool:
        """Whether the cluster answers. One that does not, as after a restart of the machine, is removed."""
        if self.name not in self._clusters(docker):
            return False
        try:
            self._kubectl("asking the cluster", "get", "--raw=/readyz", "--request-timeout=10s")
        except CannotMake:
            say(f"the cluster {self.name} does not answer; making it anew")
            self._delete(docker)
            return False
        return True

    def _on_node(self, docker: Engine, image: str) -> bool:
        """Whether the node has an image of this name; kind would send it once more."""
        asked = ("ctr", "--namespace=k8s.io", "images", "list", "--quiet", f"name=={image}")
        found = docker.docker(
            "looking on the node", "exec", f"{self.name}-control-plane", *asked, log=self.log
        )
        return image in found.split()

    def _clusters(self, docker: Engine) -> list[str]:
        return self._kind(docker, "listing clusters", "get", "clusters").split()

    def _delete(self, docker: Engine) -> None:
        self._kind(docker, "deleting the cluster", "delete", "cluster", *self._target())

    def _target(self) -> tuple[str, ...]:
        return (f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")

    def _kind(self, docker: Engine, what: str, *words: str) -> str:
        return run(what, [self.tool("kind"), *words], self.log, env=docker.env)

    def _wait_for(self, part: str) -> None:
        words = ("rollout", "status", part, "--namespace=kube-system", f"--timeout={_PART_SECONDS}s")
        self._kubectl(f"waiting for {part}", *words)

    def _kubectl(self, what: str, *words: str) -> None:
        run(what, [self.tool("kubectl"), f"--kubeconfig={self.kubeconfig}", *words], self.log)


class KindFromPackages(KindUpstream):
    """Provider of the same cluster, made of what `make cluster-binaries` builds and of Debian's packages."""

    binaries = (*IN_IMAGES, *ON_NODE, "kind")

    def missing(self) -> str:
        lacking = [name for name in self.binaries if not binaries.made(name, cache())]
        if lacking:
            return f"{', '.join(lacking)} not built; run: make cluster-binaries"
        if shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin") is None:
            return "debootstrap is not installed"
        return engine.missing()

    def after_the_last(self) -> None:
        engine.stop()

    def tool(self, name: str) -> Path:
        return binaries.make(name, cache())

    def create(self, docker: Engine) -> tuple[str, ...]:
        image = node_image(Images(cache(), docker))
        settings = self.folder / "kind.yaml"
        settings.write_text(yaml.safe_dump(kind_settings(docker.lacks), sort_keys=False))
        return (f"--image={image}", f"--config={settings}")


def kind_settings(lacks: frozenset[str]) -> dict[str, Any]:
    """kind's configuration; the node image brings the network of its pods along."""
    settings: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"disableDefaultCNI": True, "podSubnet": "10.244.0.0/16"},
    }
    if "CAP_SYS_RESOURCE" in lacks:
        settings["containerdConfigPatches"] = [_NO_OOM_SCORES]
    return settings
