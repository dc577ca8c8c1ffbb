"""Builds a command of a published Go module.

`go install module@version` refuses modules that replace others, and nearly all of these do. So each command
is built from a go.mod of our own: it requires the module, and repeats what that requires and replaces.
"""

from __future__ import annotations

import json
import platform as machine
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.commands import run
from e2e.cluster.versions import GoModule

FLAGS = ("-trimpath", "-buildvcs=false", "-mod=mod")


@dataclass(frozen=True)
class Go:
    """The go command.

    Attributes:
        version: the toolchain that builds, `1.26.8`.
        workspace: holds downloaded modules and compiled packages; gigabytes.
    """

    version: str
    workspace: Path

    def inputs(self, module: GoModule, package: str) -> dict[str, Any]:
        """Everything that a binary depends on."""
        return {
            "module": f"{module.path}@{module.version}",
            "package": package,
            "staging": module.staging,
            "linker": self._linker_flags(module),
            "flags": FLAGS,
            "go": self.version,
            "platform": platform(),
            **({"files": module.files} if module.files else {}),
        }

    def build(self, module: GoModule, package: str, output: Path, log: Path) -> None:
        """Compile one package of the module into the file `output`; the module's `files` come beside it.

        Raises:
            CannotMake: a download or the compiler failed.
        """
        with tempfile.TemporaryDirectory(prefix="fairway-go-") as name:
            folder = Path(name)
            self._write_module(module, folder, log)
            target = module.path if package == "." else f"{module.path}/{package}"
            linker = f"-ldflags={self._linker_flags(module)}"
            command = ["go", "build", *FLAGS, linker, "-o", str(output), target]
            run(f"compiling {target}", command, log, folder=folder, env=self._env())
        source = self.sources(module, log)
        for file in module.files:
            shutil.copy(source / file, output.parent)

    def build_file(self, source: Path, output: Path, log: Path) -> None:
        """Compile a program that is one file and needs no module.

        Raises:
            CannotMake: the compiler failed.
        """
        flags = [flag for flag in FLAGS if not flag.startswith("-mod=")]
        command = ["go", "build", *flags, "-ldflags=-s -w", "-o", str(output), source.name]
        run(f"compiling {source.name}", command, log, folder=source.parent, env=self._env())

    def sources(self, module: GoModule, log: Path) -> Path:
        """The published files of a module."""
        return Path(self._downloaded(module, log)["Dir"])

    def _downloaded(self, module: GoModule, log: Path) -> dict[str, str]:
        command = ["go", "mod", "download", "-json", f"{module.path}@{module.version}"]
        found: dict[str, str] = json.loads(
            run(f"downloading {module.path}", command, log, folder=log.parent, env=self._env())
        )
        return found

    def _write_module(self, module: GoModule, folder: Path, log: Path) -> None:
        source = self._downloaded(module, log)
        command = ["go", "mod", "edit", "-json", source["GoMod"]]
        theirs = json.loads(run(f"reading {source['GoMod']}", command, log, folder=folder, env=self._env()))
        (folder / "go.mod").write_text("\n".join(module_file(module, theirs)) + "\n")
        shutil.copyfile(Path(source["Dir"]) / "go.sum", folder / "go.sum")

    def _linker_flags(self, module: GoModule) -> str:
        return " ".join(["-s", "-w", *(f"-X {variable}" for variable in module.variables)])

    def _env(self) -> dict[str, str]:
        return {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-modcacherw",
            "GOWORK": "off",
            "GOTOOLCHAIN": f"go{self.version}",
            "GOMODCACHE": str(self.workspace / "mod"),
            "GOCACHE": str(self.workspace / "build"),
        }


def module_file(module: GoModule, theirs: dict[str, Any]) -> Iterator[str]:
    """Lines of a go.mod that builds a module just as the module itself would.

    What it replaces by a folder of its own repository is not in the published module; it is published under a
    version of its own, named by the requirement, or by `staging` where that says v0.0.0.

    Args:
        theirs: the module's go.mod, as `go mod edit -json` tells it.
    """
    yield "module fairway.dev/cluster"
    yield f"go {theirs['Go']}"
    yield f"require {module.path} {module.version}"
    replaced = {item["Old"]["Path"] for item in theirs.get("Replace") or ()}
    for item in theirs.get("Require") or ():
        yield f"require {item['Path']} {item['Version']}"
        if item["Version"] == "v0.0.0" and item["Path"] in replaced:
            yield f"replace {item['Path']} => {item['Path']} {module.staging}"
    for item in theirs.get("Replace") or ():
        new = item["New"]
        if "Version" in new:
            old = f"{item['Old']['Path']} {item['Old'].get('Version', '')}".strip()
            yield f"replace {old} => {new['Path']} {new['Version']}"


def platform() -> str:
    """Operating system and processor as Go names them."""
    processors = {"x86_64": "amd64", "aarch64": "arm64"}
    name = machine.machine()
    return f"{machine.system().lower()}/{processors.get(name, name)}"
