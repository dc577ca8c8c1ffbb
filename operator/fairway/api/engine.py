"""What serves a model, and the settings of each kind of server."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from fairway.api.base import ApiModel
from fairway.api.pod import ObjectName


class EngineType(StrEnum):
    ONNX_RUNTIME = "OnnxRuntime"
    TRITON = "Triton"
    KSERVE = "KServe"


class OnnxRuntimeSettings(ApiModel):
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="Threads that one inference may use."
    )
    max_batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1024, description="Rows accepted in one request."
    )
    max_body_mib: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=64, alias="maxBodyMiB", description="Size of a request body in MiB above which it is refused."
    )
    max_queue: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=100, description="Requests that may wait for the model before new ones get 429."
    )


class TritonSettings(ApiModel):
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="Threads that one inference may use."
    )


class KServeSettings(ApiModel):
    runtime: ObjectName = Field(
        description="Name of a ServingRuntime of the namespace, or of a ClusterServingRuntime. It answers "
        "the protocol v2 over HTTP on port 8080, and takes the model from /mnt/models."
    )
    args: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=256)], ...], Field(max_length=32)
    ] = Field(
        default=(),
        description="Arguments after those of the runtime. {name} stands for the public name of the model: a "
        "runtime that calls it otherwise never becomes ready.",
        examples=["--model_name={name}"],
    )


_BLOCKS = {
    "onnxRuntime": ("onnx_runtime", EngineType.ONNX_RUNTIME),
    "triton": ("triton", EngineType.TRITON),
    "kserve": ("kserve", EngineType.KSERVE),
}
_NEEDS_RUNTIME = "type KServe needs kserve.runtime: the name of the runtime that serves the model"


def _rules() -> JsonValue:
    blocks: list[JsonValue] = [
        {"rule": f"!has(self.{name}) || self.type == '{kind}'", "message": f"{name} is for type {kind}"}
        for name, (_, kind) in _BLOCKS.items()
    ]
    return [*blocks, {"rule": "self.type != 'KServe' || has(self.kserve)", "message": _NEEDS_RUNTIME}]


class Engine(ApiModel):
    """What serves it."""

    model_config = {"json_schema_extra": {"x-kubernetes-validations": _rules()}}

    type: EngineType = Field(description="Which server runs the model.")
    onnx_runtime: OnnxRuntimeSettings | None = Field(
        default=None, description="Settings of the OnnxRuntime engine; only with type OnnxRuntime."
    )
    triton: TritonSettings | None = Field(
        default=None, description="Settings of the Triton engine; only with type Triton."
    )
    kserve: KServeSettings | None = Field(
        default=None, description="Settings of the KServe engine; only with type KServe, and then needed."
    )

    @model_validator(mode="after")
    def _settings_are_the_types(self) -> Self:
        for name, (field, kind) in _BLOCKS.items():
            if getattr(self, field) is not None and self.type is not kind:
                raise ValueError(f"{name} is for type {kind}")
        if self.type is EngineType.KSERVE and self.kserve is None:
            raise ValueError(
                "type KServe needs kserve.runtime: the name of the runtime that serves the model"
            )
        return self
