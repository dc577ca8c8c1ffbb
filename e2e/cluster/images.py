"""Images made without a container registry: kept as tars in the cache, loaded into the engine when needed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.cache import Cache
from e2e.cluster.commands import run
from e2e.cluster.engine import Engine
from e2e.cluster.gobuild import platform
from e2e.cluster.progress import step
from e2e.cluster.versions import versions

RECIPES = Path(__file__).with_name("recipes")
_PREFIX = "fairway.dev/cluster"


@dataclass(frozen=True)
class Images:
    """The images of one engine."""

    cache: Cache
    engine: Engine

    def debian(self) -> str:
        """A plain Debian, what other images are built from; returns its tag."""

        def make(folder: Path) -> None:
            log = self.cache.fresh_log("debian")
            with tempfile.TemporaryDirectory(prefix="fairway-debian-") as place:
                root = Path(place) / "root"
                suite = versions().images["debian"]
                run("collecting a Debian", ["debootstrap", "--variant=minbase", suite, root], log)
                shutil.rmtree(root / "var/cache/apt/archives")
                run("packing it", ["tar", "-C", root, "-cf", folder / "root.tar", "."], log)

        inputs = debian_inputs()
        entry = self.cache.make("debian", inputs, make)
        tag = f"{_PREFIX}/debian:{entry.name}"
        self._load(tag, "import", entry / "root.tar", tag)
        return tag

    def made(self, name: str, inputs: dict[str, Any], build: Callable[[str, Path], None]) -> str:
        """An image from the cache, in the engine; returns its tag.

        Args:
            inputs: all that goes into it.
            build: makes the image in the engine; gets the tag to give it, and where to log.
        """

        def make(folder: Path) -> None:
            log = self.cache.fresh_log(name)
            build(tag, log)
            self.engine.docker(f"saving {tag}", "save", "--output", folder / "image.tar", tag, log=log)

        tag = f"{_PREFIX}/{name}:{self.cache.key(inputs)}"
        entry = self.cache.make(f"image-{name}", inputs, make)
        self._load(tag, "load", "--quiet", "--input", entry / "image.tar")
        return tag

    def build(self, tag: str, context: Path, log: Path, *flags: str) -> None:
        """Build the Dockerfile of a folder, with our Debian as its BASE.

        Raises:
            CannotMake: the build failed.
        """
        base = f"BASE={self.debian()}"
        words = ("build", "--tag", tag, "--build-arg", base, *flags)
        self.engine.docker(f"building {tag}", *words, context, log=log)

    def _load(self, tag: str, *command: str | Path) -> None:
        log = self.cache.fresh_log("load")
        if not self.engine.docker("looking for images", "image", "ls", "--quiet", tag, log=log):
            with step(f"loading {tag}"):
                self.engine.docker(f"loading {tag}", *command, log=log)


def debian_inputs() -> dict[str, Any]:
    return {"suite": versions().images["debian"], "variant": "minbase", "platform": platform()}


def recipe(name: str) -> dict[str, str]:
    """The files of a recipe, by their path in it: part of the inputs of what is made with it."""
    folder = RECIPES / name
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in files}
