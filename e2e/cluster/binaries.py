"""The binaries of a cluster: found where they already are, or built from the Go module proxy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from e2e.cluster.cache import Cache, cache
from e2e.cluster.errors import NotPossibleHere
from e2e.cluster.gobuild import Go
from e2e.cluster.progress import say
from e2e.cluster.versions import versions

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_WORKSPACE = "go"  # the lock of the compiler's files
KUBEBUILDER = frozenset({"etcd", "kube-apiserver", "kubectl"})


def find(name: str, where: Cache | None = None) -> Path | None:
    """A binary that is there already: in $KUBEBUILDER_ASSETS, else in the cache."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in KUBEBUILDER and (Path(assets) / name).is_file():
        return Path(assets) / name
    where = where or cache()
    module = versions().module_of(name)
    entry = where.find(name, _go(where).inputs(module, module.packages[name]))
    return entry / name if entry else None


def missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if find(name) is None]


def make(name: str, where: Cache | None = None) -> Path:
    """A binary, built if need be: seconds to minutes.

    Raises:
        CannotMake: a download or the compiler failed.
        NotPossibleHere: Go is not installed.
    """
    where = where or cache()
    found = find(name, where)
    if found:
        return found
    if shutil.which("go") is None:
        raise NotPossibleHere(f"{name} has to be built, and go is not installed")
    module, go, log = versions().module_of(name), _go(where), where.fresh_log(name)
    package = module.packages[name]

    def build(folder: Path) -> None:
        with where.shared(_WORKSPACE):
            go.build(module, package, folder / name, log)

    return where.make(name, go.inputs(module, package), build) / name


def make_all(names: Iterable[str]) -> None:
    """Build what is missing, and then give back the gigabytes that building needed.

    $FAIRWAY_KEEP_GO=1 keeps them, for somebody who changes versions and builds again.
    """
    for name in names:
        make(name)
    where = cache()
    workspace = _go(where).workspace
    if not workspace.exists() or missing(versions().binaries) or os.environ.get("FAIRWAY_KEEP_GO") == "1":
        return
    with where.alone(_WORKSPACE) as alone:
        if alone:
            say(f"all binaries are made; removing what the compiler kept in {workspace}")
            shutil.rmtree(workspace)


def _go(where: Cache) -> Go:
    return Go(versions().go, where.root / "go")
