"""Small builders of valid objects; a test names only what it is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fairway.api.status import Status
from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.core.model import ArtifactState, Capabilities

START = datetime(2026, 1, 1, tzinfo=UTC)
CAPS = Capabilities(
    host="127.0.0.1",
    runtimes={"OnnxRuntime": "fairway_onnx"},
    gpu_runtimes={"OnnxRuntime": "fairway_onnx:gpu"},
)


def digest(letter: str) -> str:
    """A digest that reads easily: the same hexadecimal letter 64 times."""
    return letter * 64


def make_deployment(
    *,
    name: str = "fraud",
    uri: str = "file:/models/a",
    rollout: dict[str, Any] | None = None,
    generation: int = 1,
    status: Status | None = None,
    model: dict[str, Any] | None = None,
    **spec: Any,
) -> ModelDeployment:
    return ModelDeployment.model_validate(
        {
            "metadata": {"name": name, "generation": generation},
            "spec": {
                "model": model or {"uri": uri, "format": "onnx"},
                "engine": {"type": "OnnxRuntime"},
                **({"rollout": rollout} if rollout else {}),
                **spec,
            },
        }
    ).model_copy(update={"status": status or Status()})


def with_request(md: ModelDeployment, verb: str, *, request_id: str = "1", **fields: Any) -> ModelDeployment:
    text = json.dumps({"id": request_id, "verb": verb, "by": "tester", **fields})
    metadata = md.metadata.model_copy(update={"annotations": {REQUEST_ANNOTATION: text}})
    return md.model_copy(update={"metadata": metadata})


def artifact(uri: str) -> ArtifactState:
    """The content of `file:/models/<letter>…` is that letter's digest."""
    return ArtifactState(uri=uri, sha256=digest(uri.rsplit("/", 1)[-1][0]))
