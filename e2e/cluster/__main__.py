"""`python -m e2e.cluster binaries [name…]`: what `make cluster-…` calls."""

from __future__ import annotations

import argparse

from e2e.cluster import binaries
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import say
from e2e.cluster.versions import versions


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("binaries", help="build what is missing of the named binaries, or of all")
    build.add_argument("names", nargs="*", metavar="name")
    asked = parser.parse_args()
    try:
        binaries.make_all(asked.names or versions().binaries)
    except ClusterError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
