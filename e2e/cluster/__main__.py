"""`python -m e2e.cluster`: what `make cluster`, `make cluster-down` and `make cluster-binaries` call."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable

from e2e.cluster import binaries, engine
from e2e.cluster.cache import cache
from e2e.cluster.errors import ClusterError, NotPossibleHere
from e2e.cluster.images import Images
from e2e.cluster.kind import NAME, KindFromPackages, KindUpstream
from e2e.cluster.progress import say
from e2e.cluster.python_image import python_image
from e2e.cluster.versions import versions

PROVIDERS = {"packages": KindFromPackages, "upstream": KindUpstream}

_KEPT = ("debian", "image-node", "image-python", "engine", "clusters", binaries.WORKSPACE, "locks", "logs")


def main() -> int:
    asked = _arguments()
    try:
        if asked.command == "binaries":
            _make(asked.names or versions().binaries)
        elif asked.command == "up":
            _up(PROVIDERS[asked.provider](asked.name))
        elif asked.command == "down":
            PROVIDERS[asked.provider](asked.name).down()
        elif asked.command == "base-image":
            sys.stdout.write(python_image(Images(cache(), engine.engine())) + "\n")
        else:
            _clean()
    except ClusterError as error:
        say(str(error))
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("binaries", help="build what is missing of the named binaries, or of all")
    build.add_argument("names", nargs="*", metavar="name")
    for command, words in (("up", "make the cluster, or find it"), ("down", "take it away")):
        parsed = commands.add_parser(command, help=words)
        parsed.add_argument("--provider", choices=PROVIDERS, default="packages")
        parsed.add_argument("--name", default=NAME)
    commands.add_parser("base-image", help="print the tag of an image with Python, made if need be")
    commands.add_parser("clean", help="remove all binaries and images, and the engine's data")
    return parser.parse_args()


def _make(names: Iterable[str]) -> None:
    for name in names:
        binaries.make(name, cache())
    binaries.drop_workspace(cache())


def _up(provider: KindUpstream) -> None:
    if isinstance(provider, KindFromPackages):
        _make(provider.binaries)
    reason = provider.missing()
    if reason:
        raise NotPossibleHere(reason)
    cluster = provider.up()
    binaries.drop_workspace(cache())
    sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig}\n")
    docker = engine.running()
    for name, value in (docker.env if docker else {}).items():
        sys.stdout.write(f"export {name}={value}\n")


def _clean() -> None:
    engine.stop()
    root = cache().root
    for name in (*versions().binaries, *_KEPT):  # the user may keep other things in this folder
        shutil.rmtree(root / name, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
