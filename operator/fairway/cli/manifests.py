"""Reads the manifests that a command was given; a mistake is a usage error that names every problem."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fairway.api.errors import ManifestError
from fairway.api.manifests import load_manifests
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.local.sources import read_manifests, with_absolute_uri


class BadManifest(click.ClickException):
    exit_code = Exit.USAGE

    def show(self, file: object = None) -> None:  # noqa: ARG002  click's signature
        click.echo(self.message, err=True)


def read(
    files: tuple[Path, ...], namespace: str | None = None, fallback: str = "default"
) -> list[ModelDeployment]:
    """All ModelDeployments of files, folders or `-` for standard input.

    Args:
        files: what to read.
        namespace: that the command names; a manifest must not name another one.
        fallback: for a manifest that names none, when the command does not either.

    Raises:
        BadManifest: at least one problem; nothing was done.
    """
    try:
        found = read_manifests(f for f in files if str(f) != "-")
        if any(str(f) == "-" for f in files):
            texts = load_manifests(sys.stdin.read(), "standard input")
            found += [with_absolute_uri(md, Path.cwd()) for md in texts]
    except ManifestError as error:
        raise BadManifest(str(error)) from error
    return [_placed(md, namespace, fallback) for md in found]


def _placed(md: ModelDeployment, namespace: str | None, fallback: str) -> ModelDeployment:
    says = md.metadata.namespace if "namespace" in md.metadata.model_fields_set else None
    if says is not None and namespace not in {None, says}:
        raise BadManifest(f"{md.metadata.name} says namespace {says}, the command -n {namespace}")
    place = says or namespace or fallback
    return md.model_copy(update={"metadata": md.metadata.model_copy(update={"namespace": place})})
