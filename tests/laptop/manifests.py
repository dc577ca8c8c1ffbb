"""Manifests with short steps: a rollout takes a second where nothing has to be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fairway.api.manifests import load_manifests
from fairway.api.v1alpha1 import ModelDeployment

QUICK: dict[str, Any] = {
    "steps": [
        {"weight": 10, "minDuration": "300ms", "maxDuration": "10s"},
        {"weight": 50, "minDuration": "300ms", "maxDuration": "10s"},
    ],
    "analysis": {"interval": "150ms", "negligible": "0.03"},
    "bake": {"duration": "300ms"},
}
"""Some 120 clean requests show that a candidate is safe."""
HELD: dict[str, Any] = {
    **QUICK,
    "steps": [
        {"weight": 10, "minDuration": "60s", "maxDuration": "120s"},
        {"weight": 50, "minDuration": "60s", "maxDuration": "120s"},
    ],
}
"""A rollout that goes on only when it is asked to."""


def manifest(
    model: Path | str, *, name: str = "fraud", rollout: dict[str, Any] | None = None, **spec: Any
) -> str:
    """A manifest that serves this file; `spec` adds to it."""
    uri = model if isinstance(model, str) else f"file://{model}"
    whole = {
        "apiVersion": "fairway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"uri": uri, "format": "onnx"},
            "engine": {"type": "OnnxRuntime"},
            "rollout": rollout or QUICK,
            **spec,
        },
    }
    return yaml.safe_dump(whole, sort_keys=False)


def deployment(model: Path | str, **changes: Any) -> ModelDeployment:
    """The same as a resource."""
    return load_manifests(manifest(model, **changes), "test")[0]
