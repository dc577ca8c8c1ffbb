"""What Fairway reports, and all it remembers: a restart continues from here and from nothing else.

`weight.programmed` and `weight.measured` are observations; everything else under `rollout` is intent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from fairway.api.base import ApiModel
from fairway.api.scalars import Duration, Time
from fairway.api.spec import Engine, ModelFormat

RevisionName = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Digest = Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$", min_length=64, max_length=64)]
Message = Annotated[str, StringConstraints(max_length=1024)]
Word = Annotated[str, StringConstraints(max_length=64)]
Milli = Annotated[int, Field(ge=0, le=1000)]
Count = Annotated[int, Field(ge=0)]
LogEvidence = Annotated[tuple[float, ...], Field(max_length=16)]

MAX_REVISIONS = 10
MAX_HISTORY = 10


class Phase(StrEnum):
    PENDING = "Pending"
    PROVISIONING = "Provisioning"
    WARMING = "Warming"
    CANARY = "Canary"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    STABLE = "Stable"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"


class Artifact(ApiModel):
    """The content that the spec's URI stood for when it was first read."""

    uri: Annotated[str, StringConstraints(max_length=2048)]
    sha256: Digest


class Revision(ApiModel):
    """One immutable version of model + server: the inputs frozen when it was made."""

    name: RevisionName
    uri: Annotated[str, StringConstraints(max_length=2048)] = Field(
        description="Where the content came from."
    )
    sha256: Digest
    format: ModelFormat
    public_name: Annotated[str, StringConstraints(max_length=63)]
    engine: Engine
    runtime: Annotated[str, StringConstraints(max_length=512)] = Field(description="Server image, by digest.")
    created_at: Time


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    type: Word
    status: ConditionStatus
    reason: Word
    message: Message
    observed_generation: Count
    last_transition_time: Time


class Weight(ApiModel):
    """The candidate's share of the requests, out of 1000."""

    declared: Milli = 0
    programmed: Milli | None = None
    measured: Milli | None = None


class PauseReason(StrEnum):
    USER = "User"
    INCONCLUSIVE = "Inconclusive"
    NO_TRAFFIC = "NoTraffic"
    TELEMETRY_LOST = "TelemetryLost"


class Pause(ApiModel):
    reason: PauseReason
    since: Time
    message: Message


class StepInForce(ApiModel):
    """The step being watched, as the spec stood when the step began."""

    index: Count
    weight: Annotated[int, Field(ge=1, le=99)]
    min_duration: Duration
    max_duration: Duration
    started_at: Time | None = Field(
        default=None, description="When the weight was in force and the first sample taken."
    )
    requests: Count = Field(
        default=0, description="Requests counted in this step, stable and candidate together."
    )
    intervals: Count = Field(default=0, description="Intervals counted in this step.")


class StepResult(StrEnum):
    SAFE = "Safe"
    LITTLE_TRAFFIC = "LittleTraffic"
    NO_TRAFFIC = "NoTraffic"
    FORCED = "Forced"


class FinishedStep(ApiModel):
    weight: Annotated[int, Field(ge=1, le=99)]
    result: StepResult
    ended_at: Time
    requests: Count


class Baseline(ApiModel):
    """The counters at the start of the running interval, and what must stay the same for it to count."""

    at: Time
    source: Annotated[str, StringConstraints(max_length=128)]
    weight: Milli
    candidate_requests: Count
    candidate_failures: Count
    stable_requests: Count
    stable_failures: Count
    candidate_restarts: Count
    stable_restarts: Count


class GuardrailVerdict(StrEnum):
    RUNNING = "Running"
    SAFE = "Safe"
    REGRESSION = "Regression"


class Evidence(ApiModel):
    """All that one guardrail knows: enough to go on after a restart."""

    name: Word
    verdict: GuardrailVerdict = GuardrailVerdict.RUNNING
    regression_log10: float = Field(
        default=0.0, description="Evidence of harm; the candidate is sent back at log10(1/alpha)."
    )
    safe_log10: float = Field(default=0.0, description="Evidence of safety; enough at log10(1/beta).")
    candidate_requests: Count = 0
    candidate_failures: Count = 0
    stable_requests: Count = 0
    stable_failures: Count = 0
    intervals: Count = Field(default=0, description="Intervals that counted.")
    dropped_intervals: Count = Field(
        default=0,
        description="Intervals left out: a weight change, restart, counter reset or gap fell into them.",
    )
    regression: LogEvidence = ()
    ratio: LogEvidence = ()
    bake_limit: float | None = Field(
        default=None, description="Failure rate that the bake holds the candidate to, set when it starts."
    )
    bake: LogEvidence = ()
    bake_requests: Count = 0
    bake_failures: Count = 0


class Outcome(StrEnum):
    """How a rollout ended, or why it is on its way back."""

    PROMOTED = "Promoted"
    PROMOTED_WITHOUT_TRAFFIC = "PromotedWithoutTraffic"
    PROMOTED_ON_LITTLE_TRAFFIC = "PromotedOnLittleTraffic"
    PROMOTED_BY_USER = "PromotedByUser"
    REGRESSION = "Regression"
    INCONCLUSIVE = "Inconclusive"
    ABORTED = "Aborted"
    CANDIDATE_LOST = "CandidateLost"
    NEVER_READY = "NeverReady"
    SUPERSEDED = "Superseded"
    REVERTED = "Reverted"
    FIRST_REVISION = "FirstRevision"


class RolloutStatus(ApiModel):
    """One candidate's way, kept as a record after it ended."""

    revision: RevisionName
    from_revision: RevisionName | None = None
    started_at: Time
    ended_at: Time | None = None
    weight: Weight = Weight()
    step: StepInForce | None = None
    steps: Annotated[tuple[FinishedStep, ...], Field(max_length=20)] = ()
    pauses: Annotated[tuple[Pause, ...], Field(max_length=4)] = ()
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=8)] = ()
    baseline: Baseline | None = None
    telemetry_lost_since: Time | None = None
    unready_since: Time | None = None
    restarts_at_start: Count = 0
    outcome: Outcome | None = None
    message: Message = ""


class Transition(ApiModel):
    at: Time
    from_phase: Phase = Field(alias="from")
    to: Phase
    event: Word
    revision: RevisionName | None = None
    message: Message = ""


class HandledRequest(ApiModel):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    verb: Word
    accepted: bool
    message: Message = ""


class Status(ApiModel):
    observed_generation: Count = 0
    phase: Phase = Phase.PENDING
    phase_since: Time | None = None
    message: Message = ""
    url: Annotated[str, StringConstraints(max_length=256)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    wanted: RevisionName | None = Field(
        default=None,
        description="The revision that the spec stands for; absent while its content is unknown.",
    )
    stable: RevisionName | None = None
    candidate: RevisionName | None = None
    previous: RevisionName | None = None
    rejected: Annotated[tuple[RevisionName, ...], Field(max_length=MAX_REVISIONS)] = ()
    artifact: Artifact | None = None
    revisions: Annotated[tuple[Revision, ...], Field(max_length=MAX_REVISIONS)] = ()
    rollout: RolloutStatus | None = None
    requests: Annotated[tuple[HandledRequest, ...], Field(max_length=MAX_HISTORY)] = ()
    history: Annotated[tuple[Transition, ...], Field(max_length=MAX_HISTORY)] = ()
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()

    def revision(self, name: str | None) -> Revision | None:
        """The frozen revision of that name, if it is still remembered."""
        return next((r for r in self.revisions if r.name == name), None)

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == kind), None)
