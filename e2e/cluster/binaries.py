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

WORKSPACE = "go"
KUBEBUILDER = frozenset({"etcd", "kube-apiserver", "kubectl"})


def find(name: str) -> Path | None:
    """A binary that is there already: in $KUBEBUILDER_ASSETS, else made by us."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in KUBEBUILDER and (Path(assets) / name).is_file():
        return Path(assets) / name
    return made(name, cache())


def find_or_make(name: str) -> Path:
    return find(name) or make(name, cache())


def missing(names: Iterable[str]) -> list[str]:
    return [name for name in names if find(name) is None]


def made(name: str, where: Cache) -> Path | None:
    """A binary from the cache, None when it has not been built yet."""
    module = versions().module_of(name)
    entry = where.find(name, go(where).inputs(module, module.packages[name]))
    return entry / name if entry else None


def make(name: str, where: Cache) -> Path:
    """A binary from the cache, built if need be: seconds to minutes.

    Raises:
        CannotMake: a download or the compiler failed.
        NotPossibleHere: Go is not installed.
    """
    found = made(name, where)
    if found:
        return found
    if shutil.which("go") is None:
        raise NotPossibleHere(f"{name} has to be built, and go is not installed")
    module, compiler = versions().module_of(name), go(where)
    package = module.packages[name]

    def build(folder: Path) -> None:
        with where.shared(WORKSPACE):
            compiler.build(module, package, folder / name, where.fresh_log(name))

    return where.make(name, compiler.inputs(module, package), build) / name


def go(where: Cache) -> Go:
    """The compiler; what it keeps is used under the lock WORKSPACE."""
    return Go(versions().go, where.root / WORKSPACE)


def drop_workspace(where: Cache) -> None:
    """Give back the gigabytes that building needed, once all binaries are made and nobody builds.

    $FAIRWAY_KEEP_GO=1 keeps them, for somebody who changes versions and builds again.
    """
    workspace = go(where).workspace
    all_made = all(made(name, where) for name in versions().binaries)
    if not workspace.exists() or not all_made or os.environ.get("FAIRWAY_KEEP_GO") == "1":
        return
    with where.alone(WORKSPACE) as alone:
        if alone:
            say(f"all binaries are made; removing what the compiler kept in {workspace}")
            shutil.rmtree(workspace)
