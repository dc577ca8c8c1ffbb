"""What a running Fairway would have left in the store: NEW was sent back from OLD."""

from __future__ import annotations

from builders import START, digest
from fairway.api.spec import Analysis
from fairway.api.status import Evidence, Outcome, Phase, Revision, RolloutStatus, Status, Weight
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.analysis import make_bounds

from .cli import FRAUD, Cli, write_status
from .manifests import deployment

OLD, NEW = "fraud-old", "fraud-new"
EVIDENCE = Evidence(
    name="errors",
    regression_log10=1.61,
    candidate_requests=25,
    candidate_failures=5,
    stable_requests=2020,
    intervals=4,
)


def revision_of(name: str, letter: str) -> Revision:
    md = deployment(f"file:/models/{letter}")
    return Revision(
        name=name,
        uri=f"file:/models/{letter}",
        sha256=digest(letter),
        format=md.spec.model.format,
        public_name="fraud",
        engine=md.spec.engine,
        runtime="fairway_onnx",
        created_at=START,
    )


def sent_back(**changes: object) -> Status:
    """NEW was sent back from OLD."""
    rollout = RolloutStatus(
        revision=NEW,
        from_revision=OLD,
        started_at=START,
        bounds=make_bounds(Analysis()),
        ended_at=START,
        weight=Weight(),
        outcome=Outcome.REGRESSION,
        message="candidate failed 5 of 25 requests, stable 0 of 2020 in the same time",
        evidence=(EVIDENCE,),
    )
    return Status(
        observed_generation=1,
        phase=Phase.ROLLED_BACK,
        phase_since=START,
        url="http://127.0.0.1:8080",
        port=8080,
        wanted=NEW,
        stable=OLD,
        rejected=(NEW,),
        revisions=(revision_of(OLD, "a"), revision_of(NEW, "b")),
        rollout=rollout,
    ).model_copy(update=changes)


def put(cli: Cli, status: Status | None = None) -> ModelDeployment:
    cli.store.put(deployment("file:/models/b"))
    if status is not None:
        write_status(cli.store, status)
    stored = cli.store.get(FRAUD)
    assert stored
    return stored
