"""One manifest template: the revisions of a model differ in the line that names the file, and only there."""

from __future__ import annotations

import re
from pathlib import Path

from examples.demo.errors import ManifestError

TEMPLATES = Path(__file__).parent
URI_LINE = re.compile(r"^(\s*uri:\s*file:)\S+$", re.MULTILINE)


def manifest(model: str, file: str) -> str:
    """The manifest of `model` (tumour or digits) with its model file set.

    Args:
        model: name of the template beside this file, without `.yaml`.
        file: path of the ONNX file, as seen from the folder where the manifest will lie.

    Raises:
        ManifestError: the template does not have exactly one line `uri: file:…`.
    """
    template = (TEMPLATES / f"{model}.yaml").read_text(encoding="utf-8")
    text, found = URI_LINE.subn(lambda line: line[1] + file, template)
    if found != 1:
        raise ManifestError(f"{model}.yaml has {found} lines that name a model file, not 1")
    return text
