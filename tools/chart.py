"""Renders the chart: `python -m tools.chart FOLDER` writes one file for each of its sets of values there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import click
from e2e.cluster import binaries

REPOSITORY: Final = Path(__file__).resolve().parent.parent
CHART: Final = REPOSITORY / "charts/fairway"
KUBERNETES: Final = "1.34.0"
NAMESPACE: Final = "fairway-system"
MISSING: Final = "helm is not built: make cluster-binaries"


def find_helm() -> Path | None:
    """The helm that the clusters of the tests have: another version may write the same in other words."""
    return binaries.find("helm")


def render(helm: Path, *words: str) -> str:
    """What an installation consists of, as YAML.

    Args:
        helm: the binary.
        words: further options of `helm template`.

    Raises:
        click.ClickException: the chart cannot be rendered.
    """
    target = ("fairway", str(CHART), f"--namespace={NAMESPACE}", f"--kube-version={KUBERNETES}")
    done = subprocess.run([helm, "template", *target, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(done.stderr)
    return done.stdout


def value_sets() -> dict[str, tuple[str, ...]]:
    """By name, the options that choose a set of values: the defaults, and those that are there for tests."""
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    named = {file.name.removesuffix("-values.yaml"): (f"--values={file}",) for file in files}
    return {"default": (), **named}


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    helm = find_helm()
    if helm is None:
        raise click.ClickException(MISSING)
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in value_sets().items():
        (folder / f"{name}.yaml").write_text(render(helm, *words), encoding="utf-8")


if __name__ == "__main__":
    main()
