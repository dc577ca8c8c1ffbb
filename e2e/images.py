"""The product's images, and the one of the tests' own pods, made of this working tree: `make images`.

A tag ends in a hash of all that goes into the image. So an image that is there is the right one, nothing is
built twice, and a change of the operator leaves the image of the model servers as it was.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.cache import cache
from e2e.cluster.commands import run
from e2e.cluster.engine import Engine, engine
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import Images
from e2e.cluster.kind import NAME, KindFromPackages, KindUpstream
from e2e.cluster.progress import say, step
from e2e.cluster.python_image import python_image

ROOT = Path(__file__).parents[1]
REGISTRY = "fairway.dev"
PUBLISHED_BASE = "python:3.11-slim-bookworm"
_HASH_LENGTH = 12


@dataclass(frozen=True)
class Recipe:
    """How one image is made.

    Attributes:
        dockerfile: built with the root of the repository as its context.
        files: what it copies from there; folders whole.
        package: the part of the wheel that it installs; "" for all of it, None for none.
    """

    dockerfile: str
    files: tuple[str, ...]
    package: str | None = ""


RECIPES = {
    "operator": Recipe("operator/Dockerfile", ("requirements/operator.txt", "requirements/fetch.txt")),
    "router": Recipe("runtimes/router/Dockerfile", ("requirements/router.txt",)),
    "onnx": Recipe("runtimes/onnx/Dockerfile", ("requirements/runtime.txt",), package="fairway_onnx"),
    "e2e": Recipe("e2e/pods/Dockerfile", ("requirements/e2e.txt", "examples/demo", "e2e/pods"), package=None),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2e.images", description="Build the images of Fairway.")
    parser.add_argument("--provider", choices=("packages", "upstream"), default="packages")
    parser.add_argument("--load", action="store_true", help="and let the pods of the cluster use them")
    parser.add_argument("--name", default=NAME, help="of the cluster")
    asked = parser.parse_args()
    published = asked.provider == "upstream"
    try:
        docker = engine()
        images = make_images(docker, base_image(docker, published=published))
        if asked.load:
            cluster = (KindUpstream if published else KindFromPackages)(asked.name)
            cluster.load(*images.values())
    except ClusterError as error:
        say(str(error))
        return 1
    for tag in images.values():
        sys.stdout.write(f"{tag}\n")
    return 0


def make_images(docker: Engine, base: str, names: Iterable[str] = tuple(RECIPES)) -> dict[str, str]:
    """Build what is missing in the engine; returns the tag of each.

    Raises:
        CannotMake: a build failed.
    """
    with tempfile.TemporaryDirectory(prefix="fairway-wheel-") as place:
        wheel = _wheel(Path(place))
        return {name: _image(docker, base, name, wheel) for name in names}


def base_image(docker: Engine, *, published: bool) -> str:
    """What they are built from: the published image of Python, or our stand-in where no registry answers."""
    return PUBLISHED_BASE if published else python_image(Images(cache(), docker))


def _wheel(folder: Path) -> Path:
    uv = Path(sys.executable).with_name("uv")
    pins = ROOT / "requirements/build.txt"
    flags = ("--wheel", "--build-constraints", pins, "--require-hashes", "--out-dir", folder)
    run("building the wheel", [uv, "build", *flags, ROOT], cache().fresh_log("wheel"))
    return next(folder.glob("fairway-*.whl"))


def _image(docker: Engine, base: str, name: str, wheel: Path) -> str:
    recipe = RECIPES[name]
    repository = f"{REGISTRY}/{name}"
    tag = f"{repository}:dev-{_key(recipe, base, wheel)}"
    log = cache().fresh_log(f"image-{name}")
    with cache().one_at_a_time(f"image-{name}"):
        known = docker.docker(
            "looking for images", "image", "ls", "--format={{.Repository}}:{{.Tag}}", log=log
        )
        if tag not in known.split():
            with step(f"building {tag}"):
                _build(docker, recipe, base, wheel, tag, log)
    return tag


def _build(docker: Engine, recipe: Recipe, base: str, wheel: Path, tag: str, log: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="fairway-context-") as place:
        context = Path(place)
        for file in _files(recipe):
            target = context / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        if recipe.package is not None:
            (context / "dist").mkdir()
            shutil.copy(wheel, context / "dist")
        words = ("--tag", tag, "--file", context / recipe.dockerfile, "--build-arg", f"BASE_IMAGE={base}")
        docker.docker(f"building {tag}", "build", *words, context, log=log)


def _key(recipe: Recipe, base: str, wheel: Path) -> str:
    found = hashlib.sha256(base.encode())
    for file in _files(recipe):
        found.update(f"{file.relative_to(ROOT)}\0".encode())
        found.update(file.read_bytes())
    if recipe.package is not None:
        with zipfile.ZipFile(wheel) as content:
            for name in sorted(content.namelist()):
                if name.startswith(recipe.package):
                    found.update(f"{name}\0".encode())
                    found.update(content.read(name))
    return found.hexdigest()[:_HASH_LENGTH]


def _files(recipe: Recipe) -> list[Path]:
    """In a fixed order."""
    found = []
    for name in (recipe.dockerfile, *recipe.files):
        path = ROOT / name
        inside = (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        found += sorted(inside) if path.is_dir() else [path]
    return sorted(set(found))


if __name__ == "__main__":
    raise SystemExit(main())
