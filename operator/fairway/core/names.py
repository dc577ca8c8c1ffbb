"""Every name that Fairway derives, in one place, so that they fit everywhere and never collide."""

from __future__ import annotations

import hashlib
import json
from typing import Any

HASH_LENGTH = 10


def revision_name(model: str, inputs: dict[str, Any]) -> str:
    """Name of the revision with these inputs: at most 40 + 1 + 10 characters.

    The hash is over canonical JSON, so the order of keys does not matter.
    """
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return f"{model}-{hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]}"


def key(namespace: str, name: str) -> str:
    """Key of a ModelDeployment across namespaces."""
    return f"{namespace}/{name}"
