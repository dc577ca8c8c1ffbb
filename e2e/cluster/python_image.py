"""A stand-in for the published python image, from Debian's packages."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from e2e.cluster.images import RECIPES, Images, debian_inputs, recipe

AUTHORITIES = Path("/usr/local/share/ca-certificates")


def python_image(images: Images, authorities: Path = AUTHORITIES) -> str:
    """The tag of an image with Python and pip, in the engine.

    Args:
        authorities: certificates (`*.crt`) that it trusts beside Debian's, as this machine does.
    """
    trusted = sorted(authorities.glob("*.crt"))

    def build(tag: str, log: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="fairway-python-") as place:
            context = Path(place)
            shutil.copy(RECIPES / "python/Dockerfile", context)
            (context / "authorities").mkdir()
            for file in trusted:
                shutil.copy(file, context / "authorities")
            images.build(tag, context, log)

    inputs: dict[str, Any] = {
        "debian": debian_inputs(),
        "recipe": recipe("python"),
        "authorities": {file.name: file.read_text() for file in trusted},
    }
    return images.made("python", inputs, build)
