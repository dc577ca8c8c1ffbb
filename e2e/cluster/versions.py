"""Reads versions.toml, the one place that names versions."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

FILE = Path(__file__).with_name("versions.toml")


@dataclass(frozen=True)
class GoModule:
    """A published Go module and the commands built from it.

    Attributes:
        path: `k8s.io/kubernetes`.
        version: `v1.34.4`.
        packages: name of a binary → its package inside the module, "." for the module's root.
        staging: version of the modules that it requires as v0.0.0; "" when there are none.
        variables: `package.name=value`, written into the binary by the linker.
        files: files of the module that are kept beside the binary.
    """

    path: str
    version: str
    packages: dict[str, str]
    staging: str
    variables: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Versions:
    go: str
    modules: dict[str, GoModule]
    images: dict[str, str]

    def module_of(self, binary: str) -> GoModule:
        """The module that a binary comes from; a KeyError names a binary that no module has."""
        for module in self.modules.values():
            if binary in module.packages:
                return module
        raise KeyError(binary)

    @property
    def binaries(self) -> tuple[str, ...]:
        return tuple(name for module in self.modules.values() for name in module.packages)


@cache
def versions() -> Versions:
    read = tomllib.loads(FILE.read_text())
    modules = {name: _module(name, table) for name, table in read["modules"].items()}
    return Versions(read["go"], modules, read["images"])


def _module(name: str, table: dict[str, object]) -> GoModule:
    version, commands = table["version"], table["commands"]
    variables, files = table.get("variables", []), table.get("files", [])
    assert isinstance(variables, list)
    assert isinstance(files, list)
    return GoModule(
        path=str(table["path"]),
        version=str(version),
        packages=_packages(name, commands),
        staging=str(table.get("staging", "")),
        variables=tuple(variable.format(version=version) for variable in variables),
        files=tuple(files),
    )


def _packages(name: str, commands: object) -> dict[str, str]:
    """By the name of the binary: a table says it, a list leaves it to the package, or else to the module."""
    if isinstance(commands, dict):
        return {str(binary): str(package) for binary, package in commands.items()}
    assert isinstance(commands, list)
    return {PurePosixPath(command).name or name: command for command in commands}
