"""What a user may say about the pods of a model: GPUs, resources, nodes, and the allow-listed rest of a pod.

What Kubernetes alone understands (an affinity, a topology spread) is passed on as it is written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, StringConstraints, field_validator, model_validator

from fairway.api.base import ApiModel

JsonDict = dict[str, JsonValue]

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?([eE][0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
MAX_PODS_CHARACTERS = 3072
OWN_KEYS = ("fairway.dev/", "app.kubernetes.io/managed-by")

OBJECT_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
MIG_PATTERN = r"^[1-7]g\.[0-9]+gb(\.me)?$"

ObjectName = Annotated[str, StringConstraints(pattern=OBJECT_PATTERN, min_length=1, max_length=253)]
Quantity = Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, min_length=1, max_length=32)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE_PATTERN, max_length=63)]
Text = Annotated[str, StringConstraints(max_length=1024)]
PassedOn = dict[str, Any]
"""An object of Kubernetes as it is written; the API server says what is wrong with it."""

NOT_OURS = f"keys that start with {' or '.join(OWN_KEYS)} are Fairway's own"
GPUS_IN_GPU = "GPUs are asked for in spec.gpu"


def _none_starts_with(fields: tuple[str, ...], starts: tuple[str, ...], message: str) -> JsonDict:
    """No key of these maps starts like this, for the API server."""
    free = " && ".join(f"!key.startsWith('{start}')" for start in starts)
    rule = " && ".join(f"(!has(self.{name}) || self.{name}.all(key, {free}))" for name in fields)
    return {"x-kubernetes-validations": [{"rule": rule, "message": message}]}


class Gpu(ApiModel):
    """GPUs of each pod of a revision."""

    count: Annotated[int, Field(ge=1, le=16)] = Field(description="GPUs (or MIG slices) of a pod.")
    products: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=63)], ...], Field(max_length=16)
    ] = Field(
        default=(),
        description="Any of these, as the label nvidia.com/gpu.product of the nodes says it.",
        examples=[["NVIDIA-H100-80GB-HBM3"]],
    )
    min_memory_mib: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, alias="minMemoryMiB", description="Memory that a GPU must have, in MiB."
    )
    mig: Annotated[str, StringConstraints(pattern=MIG_PATTERN, min_length=5, max_length=16)] | None = Field(
        default=None,
        description="A MIG profile: the pod gets slices of this size instead of whole GPUs.",
        examples=["1g.10gb"],
    )


class Resources(ApiModel):
    """CPU and memory of each server, as in a pod; GPUs are asked for in `gpu`."""

    model_config = {
        "json_schema_extra": _none_starts_with(("requests", "limits"), ("nvidia.com/",), GPUS_IN_GPU)
    }

    requests: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(
        default={},
        description="What a node must have free.",
        examples=[{"cpu": "2", "memory": "4Gi"}],
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=8)] = Field(
        default={}, description="What a server may not go beyond.", examples=[{"memory": "4Gi"}]
    )

    @model_validator(mode="after")
    def _gpus_stand_in_gpu(self) -> Self:
        if any(key.startswith("nvidia.com/") for key in (*self.requests, *self.limits)):
            raise ValueError(GPUS_IN_GPU)
        return self


class TolerationOperator(StrEnum):
    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """As in a pod."""

    key: Annotated[str, StringConstraints(max_length=317)] | None = Field(
        default=None, description="Taint that is tolerated; every taint when it is absent."
    )
    operator: TolerationOperator | None = Field(
        default=None, description="Equal compares the value too; that is what is meant when it is absent."
    )
    value: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        default=None, description="Of the taint, with Equal."
    )
    effect: TaintEffect | None = Field(
        default=None, description="Of the taint; every effect when it is absent."
    )
    toleration_seconds: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How long a pod stays after such a taint appeared."
    )


class EnvVar(ApiModel):
    """A plain value: what a pod may read of Secrets is not said here."""

    name: Annotated[str, StringConstraints(pattern=VARIABLE_PATTERN, min_length=1, max_length=128)] = Field(
        description="Name of the variable."
    )
    value: Text = Field(default="", description="Its value.")


class PodTemplate(ApiModel):
    """What else a user may say about the pods; all that could widen rights is left out."""

    model_config = {"json_schema_extra": _none_starts_with(("labels", "annotations"), OWN_KEYS, NOT_OURS)}

    labels: Annotated[dict[str, LabelValue], Field(max_length=16)] = Field(
        default={}, description="Labels beside Fairway's own."
    )
    annotations: Annotated[dict[str, Text], Field(max_length=16)] = Field(
        default={}, description="Annotations beside Fairway's own."
    )
    env: Annotated[
        tuple[EnvVar, ...],
        Field(
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = Field(default=(), description="Environment variables of the server.")
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the pods, for clusters that run short."
    )
    runtime_class_name: ObjectName | None = Field(default=None, description="RuntimeClass of the pods.")
    topology_spread_constraints: Annotated[tuple[PassedOn, ...], Field(max_length=8)] = Field(
        default=(), description="As in a pod; instead of Fairway's own, which spreads over nodes and zones."
    )
    image_pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=8)] = Field(
        default=(), description="Names of Secrets that the node pulls the images with."
    )

    @model_validator(mode="after")
    def _keys_are_not_ours(self) -> Self:
        for key in (*self.labels, *self.annotations):
            if key.startswith(OWN_KEYS):
                raise ValueError(NOT_OURS)
        return self

    @field_validator("env")
    @classmethod
    def _each_variable_once(cls, env: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
        if len({one.name for one in env}) < len(env):
            raise ValueError("each environment variable may be named once")
        return env


class PodInputs(ApiModel):
    """Everything about the pods that makes a new revision when it changes."""

    gpu: Gpu | None = Field(default=None, description="GPUs of each pod; none when it is absent.")
    resources: Resources = Field(default=Resources(), description="CPU and memory of each server.")
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=16)] = Field(
        default={}, description="Labels that a node must have."
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = Field(
        default=(), description="Taints of nodes that the pods put up with."
    )
    affinity: PassedOn = Field(default={}, description="Affinity of the pods, as in a pod.")
    pod_template: PodTemplate = Field(
        default=PodTemplate(), description="What else may be said about the pods."
    )

    @model_validator(mode="after")
    def _fits_into_the_status(self) -> Self:
        """Three revisions with a role are remembered whole, in a status of at most 16 KiB."""
        part = self.model_dump_json(by_alias=True, exclude_defaults=True, include=set(PodInputs.model_fields))
        if len(part) > MAX_PODS_CHARACTERS:
            raise ValueError(
                f"gpu, resources, nodeSelector, tolerations, affinity and podTemplate have {len(part)} "
                f"characters as JSON; at most {MAX_PODS_CHARACTERS} can be remembered"
            )
        return self
