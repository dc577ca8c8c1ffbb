"""Every command but `local up`: what it prints where, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from builders import START, digest
from fairway.api.crd import crd
from fairway.api.spec import Analysis
from fairway.api.status import (
    Condition,
    ConditionStatus,
    Evidence,
    Outcome,
    Phase,
    Revision,
    RolloutStatus,
    Status,
    Weight,
)
from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.cli.options import make_context
from fairway.cli.wait import follow
from fairway.core.analysis import make_bounds
from laptop.cli import FRAUD, Cli, write_status
from laptop.manifests import deployment, manifest

OLD, NEW = "fraud-old", "fraud-new"
COMMANDS = (
    *("apply", "crd", "delete", "evidence", "get", "local", "render", "retry", "status", "undo"),
    *("abort", "pause", "promote", "resume"),
)
LOCAL = ("up", "down", "logs")
NAMED = ("status", "evidence", "delete", "undo", "promote", "abort", "retry", "get")
EVIDENCE = Evidence(
    name="errors",
    regression_log10=1.61,
    candidate_requests=25,
    candidate_failures=5,
    stable_requests=2020,
    intervals=4,
)


def _revision(name: str, letter: str) -> Revision:
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


def _status(**changes: object) -> Status:
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
        revisions=(_revision(OLD, "a"), _revision(NEW, "b")),
        rollout=rollout,
    ).model_copy(update=changes)


def _put(cli: Cli, status: Status | None = None) -> ModelDeployment:
    cli.store.put(deployment("file:/models/b"))
    if status is not None:
        write_status(cli.store, status)
    stored = cli.store.get(FRAUD)
    assert stored
    return stored


@pytest.mark.parametrize(
    "command", [(), *((c,) for c in COMMANDS), *(("local", c) for c in ("up", "down", "logs"))]
)
def test_every_command_explains_itself_with_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command, "--help")
    assert said.code == Exit.OK
    assert said.out.startswith("Usage: ")
    assert "Example" in said.out
    assert not cli.state.exists(), "asking for help leaves nothing behind"


@pytest.mark.parametrize(
    "command", ["status", "evidence", "delete", "undo", "promote", "abort", "retry", "get"]
)
def test_a_wrong_name_is_answered_with_the_right_ones(cli: Cli, command: str) -> None:
    said = cli(command, "frod")
    assert said.code == Exit.ERROR
    assert said.err == "Error: there is no ModelDeployment default/frod (there are: none)\n"
    _put(cli)
    said = cli(command, "frod")
    assert "(there are: default/fraud); did you mean fraud?" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("apply", "--timeout", "soon", "-f", "-"), "soon", id="no duration"),
        pytest.param(("status", "fraud", "--timeout", "3s"), "go with -w", id="timeout without -w"),
        pytest.param(("local", "up", "--port", "99999"), "99999", id="no port"),
        pytest.param(("status",), "NAME", id="no name"),
        pytest.param(("stats",), "No such command", id="no such command"),
        pytest.param(("get", "-o", "xml"), "xml", id="no such format"),
        pytest.param(
            ("apply", "-f", "nowhere.yaml"), "nowhere.yaml: cannot be read: No such file", id="no file"
        ),
        pytest.param(
            ("local", "up", "-f", "nowhere.yaml"), "nowhere.yaml: cannot be read", id="no file to watch"
        ),
        pytest.param(
            ("apply", "-f", "-", "-n", "other"), "says namespace shop, the command -n other", id="namespaces"
        ),
    ],
)
def test_a_wrong_call_is_a_usage_error_and_changes_nothing(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    text = manifest("file:a.onnx").replace("name: fraud", "name: fraud\n  namespace: shop", 1)
    said = cli(*arguments, stdin=text)
    assert said.code == Exit.USAGE
    assert words in said.err
    assert said.out == ""
    assert not cli.state.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("spec: [", "standard input:", id="not YAML"),
        pytest.param("", "no ModelDeployment", id="nothing"),
        pytest.param(
            manifest("file:a.onnx").replace("engine:", "engin:"), "did you mean engine?", id="unknown field"
        ),
        pytest.param(manifest("file:a") + "---\n" + manifest("file:b"), "fraud", id="two of one name"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "render"])
def test_a_wrong_manifest_is_explained_and_nothing_of_it_is_applied(
    cli: Cli, command: str, text: str, words: str
) -> None:
    said = cli(command, "-f", "-", stdin=text)
    assert said.code == Exit.USAGE
    assert words in said.err
    assert cli.store.refs() == []


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


@pytest.mark.parametrize(
    "command", [("apply", "-f", "-", "--wait"), ("status", "fraud", "-w"), ("promote", "fraud")]
)
def test_what_needs_a_running_fairway_says_how_to_get_one(cli: Cli, command: tuple[str, ...]) -> None:
    _put(cli)
    said = cli(*command, stdin=manifest("file:/other"))
    assert said.code == Exit.ERROR
    assert said.err.endswith("start one with: fairway local up -f model.yaml\n")
    stored = cli.store.get(FRAUD)
    assert stored
    assert stored.metadata.generation == 1


def test_waiting_ends_with_the_verdict_and_one_object(cli: Cli) -> None:
    _put(cli, _status())
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
    _put(cli, _status(phase=Phase.STABLE, wanted=OLD, conditions=(served,)))
    with cli.running():
        said = cli("status", "fraud", "-w", "-o", "json")
    assert said.code == Exit.OK
    assert json.loads(said.out)["evidence"] == []


def test_waiting_for_too_long_is_a_timeout_and_leaves_the_rollout_alone(cli: Cli) -> None:
    status = _status(phase=Phase.CANARY, candidate=NEW, rejected=())
    _put(
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
        context = make_context(cli.state, "default")
        assert follow(context, FRAUD, timeout=5, generation=1) is Exit.SUPERSEDED


@pytest.mark.parametrize("verb", ["promote", "abort", "pause", "resume", "retry"])
def test_a_verb_reports_what_fairway_said(cli: Cli, verb: str) -> None:
    _put(cli, _status())
    with cli.running(answer=""):
        said = cli(verb, "fraud")
    assert (said.code, said.out) == (Exit.OK, f"fraud: {verb} done\n")
    with cli.running(answer="no rollout is running"):
        said = cli(verb, "fraud")
    assert (said.code, said.err) == (Exit.ERROR, "fraud: refused: no rollout is running\n")


def test_promote_full_is_another_request(cli: Cli) -> None:
    _put(cli, _status())
    with cli.running(answer=""):
        assert cli("promote", "fraud", "--full").out == "fraud: promote-full done\n"


def test_nobody_answering_is_a_timeout(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairway.cli.target.ANSWER_SECONDS", 0.05)
    _put(cli, _status())
    with cli.running():
        said = cli("abort", "fraud")
    assert said.code == Exit.TIMEOUT
    assert "nobody answered" in said.err


def test_get_prints_whole_lines_however_narrow_the_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    _put(cli, _status(message="the stable revision has all traffic"))
    head, line = cli("get", "-o", "wide").out.splitlines()
    assert head.split() == [
        "NAME",
        "PHASE",
        "STABLE",
        "CANDIDATE",
        "WEIGHT",
        "READY",
        "SINCE",
        "URL",
        "MESSAGE",
    ]
    assert line.endswith("http://127.0.0.1:8080  the stable revision has all traffic")
    assert line.index(OLD) == head.index("STABLE")
    assert cli("get", "-A").out.splitlines()[1].split()[:3] == ["default", "fraud", "RolledBack"]
    assert "\x1b" not in cli("get").out


def test_get_of_nothing_says_what_to_do(cli: Cli) -> None:
    said = cli("get")
    assert (said.code, said.out) == (Exit.OK, "")
    assert "make one with: fairway apply -f model.yaml" in said.err
    assert json.loads(cli("get", "-o", "json").out) == {"apiVersion": "v1", "kind": "List", "items": []}
    assert not cli.state.exists()


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_is_for_a_program_parses_and_says_the_same(cli: Cli, form: str) -> None:
    parse = json.loads if form == "json" else yaml.safe_load
    _put(cli, _status())
    one = cli("get", "fraud", "-o", form)
    assert one.err == ""
    assert parse(one.out)["status"]["stable"] == OLD
    assert parse(cli("get", "-o", form).out)["items"] == [parse(one.out)]
    assert parse(cli("status", "fraud", "-o", form).out) == parse(one.out)["status"]
    assert parse(cli("evidence", "fraud", "-o", form).out)["outcome"] == "Regression"


def test_evidence_before_any_rollout_is_an_empty_object(cli: Cli) -> None:
    _put(cli)
    assert json.loads(cli("evidence", "fraud", "-o", "json").out) == {}
    assert cli("evidence", "fraud").err == "fraud has had no rollout yet\n"


def test_evidence_says_why_in_numbers(cli: Cli) -> None:
    _put(cli, _status())
    said = cli("evidence", "fraud").out
    assert f"{NEW}  against {OLD}  Regression: candidate failed 5 of 25 requests" in said
    assert "candidate failed 5 of 25, stable 0 of 2020" in said
    assert "1.61 of 1.30" in said
    assert "anytime-valid p of harm: 0.0245" in said


def test_status_shows_roles_evidence_and_trouble(cli: Cli) -> None:
    _put(cli, _status())
    said = cli("status", "fraud").out
    assert "http://127.0.0.1:8080/v2/models/fraud/infer" in said
    assert f"stable     {OLD}  100 %" in said
    assert f"sent back  {NEW}  Regression: candidate failed 5 of 25" in said


def test_undo_goes_back_to_stable_by_digest_though_the_file_has_changed(cli: Cli) -> None:
    _put(cli, _status())
    said = cli("undo", "fraud")
    assert said.out == f"fraud: spec set back to {OLD} (generation 2)\n"
    stored = cli.store.get(FRAUD)
    assert stored
    assert (stored.spec.model.uri, stored.spec.model.sha256) == ("file:/models/a", digest("a"))
    assert cli("undo", "fraud").err == f"fraud: the spec is at {OLD} already\n"


@pytest.mark.parametrize(
    ("changes", "arguments", "code", "words"),
    [
        pytest.param(
            {"stable": NEW, "previous": None, "rejected": (), "phase": Phase.STABLE},
            (),
            Exit.ERROR,
            "fraud has no earlier revision to go back to",
            id="nothing before",
        ),
        pytest.param({}, ("--to-revision", NEW), Exit.ERROR, f"{NEW} was sent back", id="was sent back"),
        pytest.param(
            {},
            ("--to-revision", "fraud-else"),
            Exit.USAGE,
            f"fraud-else is not remembered (remembered are: {OLD}, {NEW})",
            id="not remembered",
        ),
    ],
)
def test_undo_refuses_what_makes_no_sense(
    cli: Cli, changes: dict[str, object], arguments: tuple[str, ...], code: Exit, words: str
) -> None:
    _put(cli, _status(**changes))
    said = cli("undo", "fraud", *arguments)
    assert said.code == code
    assert words in said.err
    stored = cli.store.get(FRAUD)
    assert stored
    assert stored.metadata.generation == 1


def test_render_prints_one_document_a_model_and_does_nothing(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"whatever")
    text = manifest("file:a.onnx") + "---\n" + manifest("file:a.onnx", name="churn")
    said = cli("render", "-f", "-", stdin=text)
    assert said.code == Exit.OK
    fraud, churn = yaml.safe_load_all(said.out)
    assert fraud["revision"].startswith("fraud-")
    assert churn["processes"][0]["argv"][1:3] == ["-m", "fairway_onnx"]
    assert fraud["envoy"]["listener"]["address"]["socket_address"]["port_value"] == 8080
    told = json.loads(cli("render", "-f", "-", "-o", "json", stdin=text).out)
    assert told == {"items": [fraud, churn]}
    assert not cli.state.exists()
    said = cli("render", "-f", "-", stdin=manifest("file:nowhere.onnx"))
    assert said.code == Exit.ERROR
    assert said.err == f"Error: fraud: there is no file or folder {tmp_path}/nowhere.onnx\n"


def test_crd_prints_the_crd(cli: Cli) -> None:
    assert yaml.safe_load(cli("crd").out) == crd()


def test_local_down_without_a_fairway_is_no_error(cli: Cli) -> None:
    said = cli("local", "down")
    assert said.code == Exit.OK
    assert said.err == f"no fairway runs on {cli.state}\n"


def test_logs_of_a_server_that_is_gone_can_still_be_read(cli: Cli) -> None:
    _put(cli, _status())
    said = cli("local", "logs", "fraud", "--candidate")
    assert said.code == Exit.ERROR
    assert said.err == f"Error: {NEW} has not written anything yet\n"
    (cli.state / "logs").mkdir()
    (cli.state / "logs" / f"{NEW}.log").write_text("it was the texture\n")
    assert cli("local", "logs", "fraud", "--candidate").out == "it was the texture\n"


def test_an_unexpected_fault_is_one_line_that_says_how_to_see_more(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.cli.crd.make_crd", lambda: 1 / 0)
    said = cli("crd")
    assert said.code == Exit.ERROR
    assert said.err.startswith("Error: ZeroDivisionError")
    assert "FAIRWAY_DEBUG=1" in said.err
    assert "Traceback" not in said.err


def test_ctrl_c_has_the_code_of_an_interrupt(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fairway.cli.crd.make_crd", interrupted)
    said = cli("crd")
    assert said.code == Exit.INTERRUPTED
    assert said.err.strip() == "interrupted; a rollout goes on without this command"


def test_the_command_line_works_without_any_extra(tmp_path: Path) -> None:
    """What only local mode or the operator needs is missing; `local up` alone says so."""
    missing = ("structlog", "aiohttp", "grpc", "psutil", "google", "kopf", "lightkube", "onnxruntime")
    script = f"""
import sys
sys.modules.update(dict.fromkeys({missing!r}))
sys.argv = ["fairway", *sys.argv[1:]]
from fairway.cli.main import main
main()
"""

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-c", script, *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    state = ("--state-dir", str(tmp_path / "s"))
    assert run("get", *state)[0] == Exit.OK
    code, words = run("local", "up", *state)
    assert code == Exit.ERROR
    assert "is missing: pip install 'fairway[local]'" in words


def test_a_damaged_status_is_told_beside_the_json_and_not_in_it(
    cli: Cli, caplog: pytest.LogCaptureFixture
) -> None:
    _put(cli, _status())
    file = cli.state / "deployments" / "default" / "fraud" / "status.json"
    file.write_text("{")
    said = cli("get", "fraud", "-o", "json")
    assert json.loads(said.out)["metadata"]["name"] == "fraud"
    assert "the status was damaged" in caplog.text


def test_a_reader_that_leaves_early_ends_it_without_a_word() -> None:
    fairway = [sys.executable, "-m", "fairway.cli.main", "crd"]
    with subprocess.Popen(fairway, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == Exit.ERROR
