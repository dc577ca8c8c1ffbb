"""`apply`, the waiting for a verdict, and the verbs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builders import START
from fairway.api.status import Condition, ConditionStatus, Phase
from fairway.cli.exits import Exit
from fairway.cli.options import make_context
from fairway.cli.wait import follow
from fairway.cli.where import Where
from laptop.cli import FRAUD, Cli
from laptop.manifests import manifest
from laptop.records import NEW, OLD, put, sent_back


def test_apply_says_whether_anything_changed_and_where_nobody_acts_on_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fraud.yaml").write_text(manifest("file:a.onnx"))
    said = cli("apply", "-f", "fraud.yaml")
    assert (said.code, said.out) == (Exit.OK, "")
    assert said.err.startswith("modeldeployment/fraud applied (generation 1)\n")
    assert "start it with: fairway local up" in said.err
    stored = cli.store.get(FRAUD)
    assert stored
    assert stored.spec.model.uri == f"file://{tmp_path}/a.onnx", (
        "a relative path is taken from the file's folder"
    )
    with cli.running():
        said = cli("apply", "-f", "fraud.yaml", "-o", "json")
    assert said.err == "modeldeployment/fraud unchanged (generation 1)\n"
    assert json.loads(said.out) == {"name": "fraud", "generation": 1, "changed": False}


def test_a_laptop_says_once_what_it_does_not_act_on(cli: Cli) -> None:
    """Who asks for a GPU must not take the CPU's speed for its."""
    asked = (
        manifest("file:/a.onnx") + "  gpu: {count: 1}\n  nodeSelector: {pool: models}\n  scaling: {min: 2}\n"
    )
    words = "spec.gpu, spec.nodeSelector, spec.scaling count in a cluster"
    assert words in cli("apply", "-f", "-", stdin=asked).err.replace("\n", " ")
    assert "count in a cluster" not in cli("apply", "-f", "-", stdin=asked).err
    assert "count in a cluster" not in cli("apply", "-f", "-", stdin=manifest("file:/b.onnx")).err


@pytest.mark.parametrize(
    "command", [("apply", "-f", "-", "--wait"), ("status", "fraud", "-w"), ("promote", "fraud")]
)
def test_what_needs_a_running_fairway_says_how_to_get_one(cli: Cli, command: tuple[str, ...]) -> None:
    put(cli)
    said = cli(*command, stdin=manifest("file:/other"))
    assert said.code == Exit.ERROR
    assert said.err.endswith("start one with: fairway local up -f model.yaml\n")
    stored = cli.store.get(FRAUD)
    assert stored
    assert stored.metadata.generation == 1


def test_waiting_ends_with_the_verdict_and_one_object(cli: Cli) -> None:
    put(cli, sent_back())
    with cli.running():
        said = cli("status", "fraud", "-w", "-o", "json")
    assert said.code == Exit.ROLLED_BACK
    told = json.loads(said.out)
    assert (told["exit"], told["result"], told["revision"]) == (3, "ROLLED_BACK", NEW)
    assert told["evidence"][0]["candidateFailures"] == 5
    with cli.running():
        said = cli("status", "fraud", "-w")
    assert said.out == ""
    assert "rolled back: candidate failed 5 of 25 requests, stable 0 of 2020" in said.err


def test_the_evidence_of_another_revision_is_not_passed_off_as_this_ones(cli: Cli) -> None:
    served = Condition(
        type="Available",
        status=ConditionStatus.TRUE,
        reason="Serving",
        message="users are answered",
        observed_generation=1,
        last_transition_time=START,
    )
    put(cli, sent_back(phase=Phase.STABLE, wanted=OLD, conditions=(served,)))
    with cli.running():
        said = cli("status", "fraud", "-w", "-o", "json")
    assert said.code == Exit.OK
    assert json.loads(said.out)["evidence"] == []


def test_waiting_for_too_long_is_a_timeout_and_leaves_the_rollout_alone(cli: Cli) -> None:
    status = sent_back(phase=Phase.CANARY, candidate=NEW, rejected=())
    put(
        cli,
        status.model_copy(
            update={"rollout": status.rollout and status.rollout.model_copy(update={"outcome": None})}
        ),
    )
    with cli.running():
        said = cli("status", "fraud", "-w", "--timeout", "150ms")
    assert said.code == Exit.TIMEOUT
    assert said.err.splitlines()[-1].startswith("fraud: timeout: still Canary")


def test_a_spec_that_another_one_overtook_is_superseded(cli: Cli) -> None:
    """Nobody looked at the first; following the newest would call its success ours."""
    with cli.running():
        cli("apply", "-f", "-", stdin=manifest("file:/a"))
        cli("apply", "-f", "-", stdin=manifest("file:/b"))
        context = make_context(Where(state_dir=cli.state))
        assert follow(context, FRAUD, timeout=5, generation=1) is Exit.SUPERSEDED


@pytest.mark.parametrize("verb", ["promote", "abort", "pause", "resume", "retry"])
def test_a_verb_reports_what_fairway_said(cli: Cli, verb: str) -> None:
    put(cli, sent_back())
    with cli.running(answer=""):
        said = cli(verb, "fraud")
    assert (said.code, said.out) == (Exit.OK, f"fraud: {verb} done\n")
    with cli.running(answer="no rollout is running"):
        said = cli(verb, "fraud")
    assert (said.code, said.err) == (Exit.ERROR, "fraud: refused: no rollout is running\n")


def test_promote_full_is_another_request(cli: Cli) -> None:
    put(cli, sent_back())
    with cli.running(answer=""):
        assert cli("promote", "fraud", "--full").out == "fraud: promote-full done\n"


def test_nobody_answering_is_a_timeout(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairway.cli.target.ANSWER_SECONDS", 0.05)
    put(cli, sent_back())
    with cli.running():
        said = cli("abort", "fraud")
    assert said.code == Exit.TIMEOUT
    assert "nobody answered" in said.err


def test_whoever_waits_hears_that_fairway_is_gone(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairway.cli.wait.GONE_SECONDS", 0.05)
    monkeypatch.setattr("fairway.cli.target.LocalTarget.require_running", lambda _: None)
    put(cli)
    said = cli("status", "fraud", "-w")
    assert said.code == Exit.ERROR
    assert said.err.endswith("fairway runs no longer; the rollout goes on when it is up again\n")
