"""The image of a node for kind: what `kind build node-image` makes, from packages and our own builds."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from e2e.cluster import binaries
from e2e.cluster.commands import run
from e2e.cluster.errors import CannotMake
from e2e.cluster.gobuild import platform
from e2e.cluster.images import RECIPES, Images, debian_inputs, recipe
from e2e.cluster.progress import step
from e2e.cluster.versions import versions

IN_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "coredns", "kube-proxy")
ON_NODE = ("kubeadm", "kubelet", "kubectl")
_ONE_BINARY = 'FROM scratch\nCOPY {name} {path}\nENTRYPOINT ["{path}"]\n'


def node_image(images: Images) -> str:
    """The tag of the node image, in the engine and ready for `kind create cluster --image`.

    Raises:
        CannotMake: a step of the recipe failed.
    """

    def build(tag: str, log: Path) -> None:
        with images.cache.shared(binaries.WORKSPACE):
            _NodeBuild(images, log).build(tag)

    return images.made("node", _inputs(images), build)


def _inputs(images: Images) -> dict[str, Any]:
    entries = {name: binaries.make(name, images.cache).parent.name for name in (*IN_IMAGES, *ON_NODE)}
    return {
        "binaries": entries,
        "debian": debian_inputs(),
        "kind": versions().modules["kind"].version,
        "platform": platform(),
        "recipes": {name: recipe(name) for name in ("node", "pause", "proxy")},
    }


class _NodeBuild:
    def __init__(self, images: Images, log: Path) -> None:
        self.images, self.log = images, log
        self.go = binaries.go(images.cache)

    def build(self, tag: str) -> None:
        names = self._names()
        loaded = f"{tag}-loaded"
        with tempfile.TemporaryDirectory(prefix="fairway-node-") as place:
            context = Path(place)
            with step("making the images of the control plane"):
                for name, binary in names.items():
                    self._control_plane_image(name, binary)
                archive = context / "images.tar"
                self._docker("saving the control plane", "save", "--output", archive, *names)
            self._collect(context, next(name for name, binary in names.items() if binary == "pause"))
            with step("building the node"):
                self.images.build(loaded, context, self.log, "--target=loaded")
                self.images.build(tag, context, self.log)
        self._docker("dropping what the node was made of", "image", "rm", loaded, *names)

    def _names(self) -> dict[str, str]:
        """The images that kubeadm will ask for, each with the binary in it."""
        asked = f"--kubernetes-version={versions().modules['kubernetes'].version}"
        command = [str(binaries.make("kubeadm", self.images.cache)), "config", "images", "list", asked]
        names = run("asking kubeadm for its images", command, self.log).split()
        found = {name: name.rpartition("/")[2].partition(":")[0] for name in names}
        for name, binary in found.items():
            tag, ours = name.rpartition(":")[2], "" if binary == "pause" else _version(binary)
            if not tag.removeprefix("v").startswith(ours):
                raise CannotMake("naming images", f"kubeadm wants {name}, versions.toml has {ours}", self.log)
        return found

    def _control_plane_image(self, name: str, binary: str) -> None:
        with tempfile.TemporaryDirectory(prefix="fairway-image-") as place:
            context = Path(place)
            if binary == "pause":
                self.go.build_file(RECIPES / "pause/main.go", context / binary, self.log)
            else:
                shutil.copy(binaries.make(binary, self.images.cache), context)
            if binary == "kube-proxy":
                shutil.copy(RECIPES / "proxy/Dockerfile", context)
            else:
                path = f"/usr/local/bin/{binary}"
                (context / "Dockerfile").write_text(_ONE_BINARY.format(name=binary, path=path))
            self.images.build(name, context, self.log)

    def _collect(self, context: Path, sandbox: str) -> None:
        """What the node's Dockerfile copies: kind's files, ours over them, and the tools of the node."""
        kind = self.go.sources(versions().modules["kind"], self.log) / "images/base/files"
        for source in (kind, RECIPES / "node/files"):
            shutil.copytree(source, context / "files", dirs_exist_ok=True, copy_function=shutil.copyfile)
        for file in (context / "files").rglob("*"):
            script = file.is_dir() or file.suffix == ".sh" or file.parent.name == "bin"
            file.chmod(0o755 if script else 0o644)  # published modules have lost their modes
        settings = context / "files/etc/containerd/config.toml"
        with_sandbox = re.sub(r"(sandbox_image *= *)\S+", rf'\1"{sandbox}"', settings.read_text())
        settings.write_text(with_sandbox)
        version = context / "files/kind/version"
        version.write_text(versions().modules["kubernetes"].version)
        for name in ON_NODE:
            shutil.copy(binaries.make(name, self.images.cache), context)
        for name in ("Dockerfile", "import-images.sh"):
            shutil.copy(RECIPES / "node" / name, context)

    def _docker(self, step: str, *words: str | Path) -> None:
        self.images.engine.docker(step, *words, log=self.log)


def _version(binary: str) -> str:
    return versions().module_of(binary).version.removeprefix("v")
