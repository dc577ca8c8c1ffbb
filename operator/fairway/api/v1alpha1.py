"""The resource `ModelDeployment` of `fairway.dev/v1alpha1`: the one source of CRD, docs and validation."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from fairway.api.base import ApiModel
from fairway.api.spec import MAX_NAME_LENGTH, NAME_PATTERN, Name, Spec
from fairway.api.status import Status

GROUP: Final = "fairway.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "fairway.dev/v1alpha1"
KIND: Final = "ModelDeployment"
PLURAL = "modeldeployments"
SHORT_NAME = "mdep"
REQUEST_ANNOTATION = f"{GROUP}/request"

Text = Annotated[str, StringConstraints(max_length=65536)]


class Metadata(ApiModel):
    """The part of the Kubernetes metadata that Fairway reads; the rest is carried along untouched."""

    model_config = {"extra": "allow"}

    name: Name
    namespace: Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=63)] = (
        "default"
    )
    labels: dict[str, Text] = Field(default_factory=dict)
    annotations: dict[str, Text] = Field(default_factory=dict)
    generation: int = 1
    resource_version: str = ""
    uid: str = ""


class ModelDeployment(ApiModel):
    """What a user wants served under one name, and what Fairway has made of it."""

    api_version: Literal["fairway.dev/v1alpha1"] = API_VERSION
    kind: Literal["ModelDeployment"] = KIND
    metadata: Metadata
    spec: Spec
    status: Status = Status()

    @property
    def public_name(self) -> str:
        """Name of the model in the inference protocol."""
        return self.spec.model.name or self.metadata.name


__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "MAX_NAME_LENGTH",
    "PLURAL",
    "REQUEST_ANNOTATION",
    "SHORT_NAME",
    "VERSION",
    "Metadata",
    "ModelDeployment",
]
