"""What the user writes. A field exists only when something acts on it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from fairway.api.base import ApiModel
from fairway.api.engine import (
    Engine,
    EngineType,
    KServeSettings,
    OnnxRuntimeSettings,
    TritonSettings,
)
from fairway.api.pod import ObjectName, PodInputs
from fairway.api.scalars import Decimal, Duration, format_duration

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
MAX_NAME_LENGTH = 40
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=MAX_NAME_LENGTH)]
ProtocolName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", min_length=1, max_length=63)
]


def _rule(rule: str, message: str) -> JsonValue:
    return {"rule": rule, "message": message}


class ModelFormat(StrEnum):
    ONNX = "onnx"


class SecretRef(ApiModel):
    """A Secret of the same namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class ModelSource(ApiModel):
    """What is served."""

    uri: Annotated[
        str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:.+$", min_length=3, max_length=2048)
    ] = Field(
        description="Where the model lies: a file, a folder or an archive (.tar, .tar.gz, .tgz, .zip). "
        "`s3://BUCKET/KEY`, `https://HOST/PATH` and `pvc://CLAIM/PATH` work in a cluster; `file:` works in "
        "local mode only, where a relative path is taken from the manifest's folder.",
        examples=["s3://models/fraud/7/", "file:models/fraud-7"],
    )
    format: ModelFormat = Field(description="What the artifact is. An engine that cannot serve it says so.")
    name: ProtocolName | None = Field(
        default=None,
        description="Name of the model in the inference protocol, the same for every revision. "
        "Default: metadata.name.",
    )
    sha256: (
        Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$", min_length=64, max_length=64)] | None
    ) = Field(
        default=None,
        description="Pin: an artifact with another digest is refused; `fairway digest` prints it.",
    )
    secret_ref: SecretRef | None = Field(
        default=None,
        description="Credentials for the store, mounted into the pods that resolve and fetch and into no "
        "other container. Whoever names it must be allowed to read it.",
    )
    service_account_name: ObjectName | None = Field(
        default=None,
        description="Service account of the pods, for a store that trusts the cluster's identities. Default: "
        "the namespace's own, without a token.",
    )


class RouterType(StrEnum):
    ENVOY = "Envoy"


class Router(ApiModel):
    """What stands between the users and the revisions."""

    type: RouterType = Field(default=RouterType.ENVOY, description="What carries and splits the requests.")


class Timeouts(ApiModel):
    """How long anybody waits."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _rule(
                    "!has(self.request) || duration(self.request) >= duration('10ms')",
                    "request must be at least 10ms",
                )
            ]
        }
    }

    request: Duration = Field(
        default=timedelta(seconds=30), description="A request is answered with 504 after this long."
    )

    @model_validator(mode="after")
    def _somebody_can_answer(self) -> Self:
        if self.request < timedelta(milliseconds=10):  # Envoy would take 0 for "no timeout"
            raise ValueError("request must be at least 10ms")
        return self


class Traffic(ApiModel):
    """How requests reach the model."""

    router: Router = Router()
    timeouts: Timeouts = Timeouts()


class Strategy(StrEnum):
    CANARY = "Canary"


class Step(ApiModel):
    """One weight that the candidate is watched at."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _rule(
                    "!has(self.minDuration) || !has(self.maxDuration) || "
                    "duration(self.minDuration) <= duration(self.maxDuration)",
                    "minDuration must not be longer than maxDuration",
                )
            ]
        }
    }

    weight: Annotated[int, Field(ge=1, le=99)] = Field(
        description="Percent of the requests for the candidate."
    )
    min_duration: Duration = Field(
        default=timedelta(minutes=5), description="Even clear evidence does not end the step earlier."
    )
    max_duration: Duration = Field(
        default=timedelta(minutes=60), description="Without a verdict until then, `onInconclusive` decides."
    )

    @model_validator(mode="after")
    def _min_is_not_longer_than_max(self) -> Self:
        if self.min_duration > self.max_duration:
            raise ValueError(
                f"minDuration {format_duration(self.min_duration)} is longer than "
                f"maxDuration {format_duration(self.max_duration)}"
            )
        return self


DEFAULT_STEPS = (
    Step(weight=1, min_duration=timedelta(minutes=2), max_duration=timedelta(minutes=30)),
    Step(weight=10, min_duration=timedelta(minutes=5), max_duration=timedelta(minutes=60)),
    Step(weight=50, min_duration=timedelta(minutes=5), max_duration=timedelta(minutes=60)),
)


class OnInconclusive(StrEnum):
    ADVANCE = "Advance"
    HOLD = "Hold"
    ROLLBACK = "Rollback"


class OnNoTraffic(StrEnum):
    ADVANCE = "Advance"
    HOLD = "Hold"


class Analysis(ApiModel):
    """How much evidence a decision needs."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                *(
                    _rule(
                        f"!has(self.{name}) || (double(self.{name}) > 0.0 && double(self.{name}) <= 0.5)",
                        f"{name} must be above 0 and at most 0.5",
                    )
                    for name in ("alpha", "beta", "negligible")
                ),
                _rule(
                    "(!has(self.tolerate) || double(self.tolerate) >= 1.0) && "
                    "(has(self.safeMargin) ? double(self.safeMargin) : 1.5) > "
                    "(has(self.tolerate) ? double(self.tolerate) : 1.1)",
                    "tolerate must be at least 1 and safeMargin greater than tolerate",
                ),
                _rule(
                    "!has(self.interval) || duration(self.interval) >= duration('100ms')",
                    "interval must be at least 100ms",
                ),
            ]
        }
    }

    interval: Duration = Field(
        default=timedelta(seconds=15), description="How often the counters are read and weighed."
    )
    alpha: Decimal = Field(
        default=0.05, description="Chance that a candidate no worse than stable is rolled back, per rollout."
    )
    beta: Decimal = Field(
        default=0.05, description="Chance that a candidate at the edge of harm is called safe, per rollout."
    )
    negligible: Decimal = Field(
        default=0.01, description="A failure rate below this is safe, whatever stable does."
    )
    tolerate: Decimal = Field(
        default=1.1,
        description="Odds of failing, candidate to stable, up to which nothing is held against it.",
    )
    safe_margin: Decimal = Field(
        default=1.5,
        description="Odds of failing, candidate against stable, that a safe candidate stays below.",
    )
    on_inconclusive: OnInconclusive = Field(
        default=OnInconclusive.ADVANCE,
        description="At maxDuration without a verdict. Advance: go on when nothing points to harm, "
        "else hold.",
    )
    on_no_traffic: OnNoTraffic = Field(
        default=OnNoTraffic.ADVANCE, description="At minDuration when nobody sent a request during the step."
    )

    @model_validator(mode="after")
    def _numbers_make_sense(self) -> Self:
        for name in ("alpha", "beta", "negligible"):
            if not 0 < getattr(self, name) <= 0.5:
                raise ValueError(f"{name} must be above 0 and at most 0.5")
        if not 1 <= self.tolerate < self.safe_margin:
            raise ValueError("tolerate must be at least 1 and safeMargin greater than tolerate")
        if self.interval < timedelta(milliseconds=100):
            raise ValueError("interval must be at least 100ms")
        return self


class Bake(ApiModel):
    """The time after the last step, with all traffic on the new revision."""

    duration: Duration = Field(
        default=timedelta(minutes=10),
        description="How long the old revision stays warm, for an instant way back, once all traffic "
        "is on the new.",
    )


class Rollout(ApiModel):
    """How a new revision goes live."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _rule(
                    "!has(self.steps) || self.steps.all(s, self.steps.indexOf(s) + 1 == "
                    "size(self.steps.filter(t, t.weight <= s.weight)))",
                    "the weights of the steps must rise",
                )
            ]
        }
    }

    strategy: Strategy = Field(default=Strategy.CANARY, description="How the candidate meets traffic.")
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)] = Field(
        default=DEFAULT_STEPS,
        description="Weights of the candidate, in order. After the last one it is promoted.",
    )
    analysis: Analysis = Analysis()
    bake: Bake = Bake()
    progress_deadline: Duration = Field(
        default=timedelta(minutes=10), description="A candidate that is not ready by then has failed."
    )

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)):
            raise ValueError(f"the weights of the steps must rise: {weights}")
        return self


class Metric(StrEnum):
    CPU = "CPU"


class Scaling(ApiModel):
    """How many servers a revision has; outside the revision: a change restarts nothing."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                _rule(
                    "!has(self.max) || self.max >= (has(self.min) ? self.min : 1)", "max must be at least min"
                ),
            ]
        }
    }

    min: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Servers when little is asked. 0 is not offered: nothing would wake them."
    )
    max: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Servers when much is asked; an autoscaler decides. Default: min, without one.",
    )
    metric: Metric = Field(default=Metric.CPU, description="What the autoscaler looks at.")
    target: Annotated[int, Field(ge=1, le=100)] = Field(
        default=80, description="Percent of the requested CPU that the autoscaler aims at."
    )

    @model_validator(mode="after")
    def _max_is_not_below_min(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError("max must be at least min")
        return self


class Spec(PodInputs):
    model: ModelSource
    engine: Engine
    scaling: Scaling = Scaling()
    traffic: Traffic = Traffic()
    rollout: Rollout = Rollout()

    @property
    def pod(self) -> PodInputs:
        """The part of the spec that is about the pods."""
        return PodInputs(**{name: getattr(self, name) for name in PodInputs.model_fields})


__all__ = [
    "DEFAULT_STEPS",
    "MAX_NAME_LENGTH",
    "NAME_PATTERN",
    "Analysis",
    "Bake",
    "Engine",
    "EngineType",
    "KServeSettings",
    "Metric",
    "ModelFormat",
    "ModelSource",
    "Name",
    "OnInconclusive",
    "OnNoTraffic",
    "OnnxRuntimeSettings",
    "Rollout",
    "Router",
    "RouterType",
    "Scaling",
    "SecretRef",
    "Spec",
    "Step",
    "Strategy",
    "Timeouts",
    "Traffic",
    "TritonSettings",
]
