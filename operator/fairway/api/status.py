"""What Fairway reports, and all it remembers: a restart continues from here and from nothing else.

`weight.programmed` and `weight.measured` are observations; everything else under `rollout` is intent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from fairway.api.base import ApiModel
from fairway.api.pod import ObjectName, PodInputs
from fairway.api.scalars import Decimal, Duration, Time
from fairway.api.spec import Engine, ModelFormat, SecretRef

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

    uri: Annotated[str, StringConstraints(max_length=2048)] = Field(description="As the spec had it.")
    sha256: Digest = Field(description="Of the content.")


class Revision(ApiModel):
    """One immutable version of model + server: the inputs frozen when it was made."""

    name: RevisionName = Field(description="A hash of everything below.")
    uri: Annotated[str, StringConstraints(max_length=2048)] = Field(
        description="Where the content came from."
    )
    sha256: Digest = Field(description="Of the content.")
    format: ModelFormat = Field(description="What the artifact is.")
    public_name: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="Name of the model in the inference protocol."
    )
    engine: Engine = Field(description="The server and its settings.")
    runtime: Annotated[str, StringConstraints(max_length=512)] = Field(description="Server image, by digest.")
    secret_ref: SecretRef | None = Field(default=None, description="As `spec.model.secretRef` was.")
    service_account_name: ObjectName | None = Field(
        default=None, description="As `spec.model.serviceAccountName` was."
    )
    pod: PodInputs = Field(default=PodInputs(), description="What the spec said about the pods.")
    created_at: Time = Field(description="When the revision was first asked for.")


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    type: Word = Field(description="What it is about.")
    status: ConditionStatus = Field(description="Whether it is so.")
    reason: Word = Field(description="In one word, for programs.")
    message: Message = Field(description="In a sentence, for people.")
    observed_generation: Count = Field(description="Generation of the spec that this is about.")
    last_transition_time: Time = Field(description="When `status` last changed.")


class Weight(ApiModel):
    """The candidate's share of the requests, out of 1000."""

    declared: Milli = Field(default=0, description="What is intended; stored before anybody programs it.")
    programmed: Milli | None = Field(default=None, description="What every router has acknowledged.")
    measured: Milli | None = Field(
        default=None, description="Share of the requests that the candidate really got in the last interval."
    )


class PauseReason(StrEnum):
    USER = "User"
    INCONCLUSIVE = "Inconclusive"
    NO_TRAFFIC = "NoTraffic"
    TELEMETRY_LOST = "TelemetryLost"


class Pause(ApiModel):
    reason: PauseReason = Field(description="Who or what holds the rollout.")
    since: Time = Field(description="When the pause began.")
    message: Message = Field(description="Why, in a sentence.")


class StepInForce(ApiModel):
    """The step being watched, as the spec stood when the step began."""

    index: Count = Field(description="Place in the list of steps, from 0.")
    weight: Annotated[int, Field(ge=1, le=99)] = Field(
        description="Percent of the requests for the candidate."
    )
    min_duration: Duration = Field(description="Even clear evidence does not end the step earlier.")
    max_duration: Duration = Field(description="Without a verdict until then, `onInconclusive` decides.")
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
    weight: Annotated[int, Field(ge=1, le=99)] = Field(
        description="Percent of the requests that the candidate had."
    )
    result: StepResult = Field(description="Why the step was left.")
    ended_at: Time = Field(description="When it was left.")
    requests: Count = Field(description="Requests counted in the step, stable and candidate together.")


class Baseline(ApiModel):
    """The counters at the start of the running interval, and what must stay the same for it to count."""

    at: Time = Field(description="When the counters were read.")
    source: Annotated[str, StringConstraints(max_length=128)] = Field(
        description="Which routers and processes were read; a change makes the interval void."
    )
    weight: Milli = Field(description="Weight in force at that time, out of 1000.")
    candidate_requests: Count = Field(description="Counter at that time.")
    candidate_failures: Count = Field(description="Counter at that time.")
    stable_requests: Count = Field(description="Counter at that time.")
    stable_failures: Count = Field(description="Counter at that time.")
    candidate_restarts: Count = Field(description="Counter at that time.")
    stable_restarts: Count = Field(description="Counter at that time.")


class GuardrailVerdict(StrEnum):
    RUNNING = "Running"
    SAFE = "Safe"
    REGRESSION = "Regression"


class Evidence(ApiModel):
    """All that one guardrail knows: enough to go on after a restart."""

    name: Word = Field(description="The guardrail.")
    verdict: GuardrailVerdict = Field(
        default=GuardrailVerdict.RUNNING, description="What the evidence amounts to so far."
    )
    regression_log10: float = Field(
        default=0.0, description="Evidence of harm; the candidate is sent back at log10(1/alpha)."
    )
    safe_log10: float = Field(default=0.0, description="Evidence of safety; enough at log10(1/beta).")
    candidate_requests: Count = Field(default=0, description="In the intervals that counted.")
    candidate_failures: Count = Field(default=0, description="In the intervals that counted.")
    stable_requests: Count = Field(default=0, description="In the intervals that counted.")
    stable_failures: Count = Field(default=0, description="In the intervals that counted.")
    intervals: Count = Field(default=0, description="Intervals that counted.")
    dropped_intervals: Count = Field(
        default=0,
        description="Intervals left out: a weight change, restart, counter reset or gap fell into them.",
    )
    regression: LogEvidence = Field(
        default=(), description="Natural logarithm of each grid point's e-value for harm."
    )
    ratio: LogEvidence = Field(default=(), description="The same for safety by the odds ratio.")
    bake_limit: float | None = Field(
        default=None, description="Failure rate that the bake holds the candidate to, set when it starts."
    )
    bake: LogEvidence = Field(default=(), description="The same for harm during the bake.")
    bake_requests: Count = Field(default=0, description="Requests to the candidate during the bake.")
    bake_failures: Count = Field(default=0, description="Failures among them.")


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


class Bounds(ApiModel):
    """What convicts and what is safe, as the spec stood when the rollout began.

    Evidence is measured against these numbers, so they must not move while it is gathered.
    """

    alpha: Decimal = Field(description="As `spec.rollout.analysis.alpha` was.")
    beta: Decimal = Field(description="As `spec.rollout.analysis.beta` was.")
    negligible: Decimal = Field(description="As `spec.rollout.analysis.negligible` was.")
    tolerate: Decimal = Field(description="As `spec.rollout.analysis.tolerate` was.")
    safe_margin: Decimal = Field(description="As `spec.rollout.analysis.safeMargin` was.")


class RolloutStatus(ApiModel):
    """One candidate's way, kept as a record after it ended."""

    revision: RevisionName = Field(description="The candidate.")
    from_revision: RevisionName | None = Field(
        default=None, description="The stable revision that it is to replace; absent for the first revision."
    )
    started_at: Time = Field(description="When the rollout began.")
    ended_at: Time | None = Field(default=None, description="When it ended; absent while it runs.")
    bounds: Bounds = Field(description="What the evidence is measured against, fixed for the whole rollout.")
    weight: Weight = Weight()
    step: StepInForce | None = None
    steps: Annotated[tuple[FinishedStep, ...], Field(max_length=20)] = Field(
        default=(), description="The steps it has behind it."
    )
    pauses: Annotated[tuple[Pause, ...], Field(max_length=4)] = Field(
        default=(), description="What holds it now; it goes on when the list is empty."
    )
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=8)] = Field(
        default=(), description="What each guardrail knows."
    )
    baseline: Baseline | None = None
    telemetry_lost_since: Time | None = Field(
        default=None, description="Since when no counters could be read."
    )
    unready_since: Time | None = Field(default=None, description="Since when the candidate is not ready.")
    short_since: Time | None = Field(
        default=None, description="Since when the candidate has fewer servers than its weight needs."
    )
    stable_replicas: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Servers of the stable revision when the rollout began; it keeps as many."
    )
    restarts_at_start: Count = Field(
        default=0, description="The candidate's restarts when it was first ready."
    )
    outcome: Outcome | None = None
    message: Message = Field(default="", description="How it stands, in a sentence.")


class Transition(ApiModel):
    at: Time = Field(description="When.")
    from_phase: Phase = Field(alias="from", description="The phase before it.")
    to: Phase = Field(description="The phase after it.")
    event: Word = Field(description="What happened.")
    revision: RevisionName | None = Field(default=None, description="The candidate at that time.")
    message: Message = Field(default="", description="Why, in a sentence.")


class HandledRequest(ApiModel):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="As the request named itself; it is not handled twice."
    )
    verb: Word = Field(description="What was asked for.")
    accepted: bool = Field(description="Whether it was done.")
    message: Message = Field(default="", description="Who asked, or why it was refused.")


class Status(ApiModel):
    observed_generation: Count = Field(
        default=0, description="Generation of the spec that this status is about."
    )
    phase: Phase = Field(default=Phase.PENDING, description="Where the rollout stands.")
    phase_since: Time | None = Field(default=None, description="When this phase began.")
    message: Message = Field(default="", description="The phase in a sentence.")
    url: Annotated[str, StringConstraints(max_length=256)] | None = Field(
        default=None, description="Where the model answers."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Port of the model on the routers."
    )
    wanted: RevisionName | None = Field(
        default=None,
        description="The revision that the spec stands for; absent while its content is unknown.",
    )
    stable: RevisionName | None = Field(default=None, description="The revision that is trusted.")
    candidate: RevisionName | None = Field(default=None, description="The revision on its way.")
    previous: RevisionName | None = Field(default=None, description="The stable revision before this one.")
    rejected: Annotated[tuple[RevisionName, ...], Field(max_length=MAX_REVISIONS)] = Field(
        default=(), description="Revisions that were sent back; they are not tried again by themselves."
    )
    artifact: Artifact | None = None
    revisions: Annotated[tuple[Revision, ...], Field(max_length=MAX_REVISIONS)] = Field(
        default=(), description="What each revision named here was made of."
    )
    rollout: RolloutStatus | None = None
    requests: Annotated[tuple[HandledRequest, ...], Field(max_length=MAX_HISTORY)] = Field(
        default=(), description="The last requests (promote, abort, …) and their answers."
    )
    history: Annotated[tuple[Transition, ...], Field(max_length=MAX_HISTORY)] = Field(
        default=(), description="The last changes of phase, newest last."
    )
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16)] = Field(
        default=(), description="The state for programs that wait."
    )

    def revision(self, name: str | None) -> Revision | None:
        """The frozen revision of that name, if it is still remembered."""
        return next((r for r in self.revisions if r.name == name), None)

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == kind), None)
