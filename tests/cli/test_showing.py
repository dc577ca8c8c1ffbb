"""`get`, `status` and `evidence`: for a person, and for a program."""

from __future__ import annotations

import json

import pytest
import yaml

from fairway.cli.exits import Exit
from laptop.cli import Cli
from laptop.records import NEW, OLD, put, sent_back


def test_get_prints_whole_lines_however_narrow_the_terminal(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    put(cli, sent_back(message="the stable revision has all traffic"))
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
    put(cli, sent_back())
    one = cli("get", "fraud", "-o", form)
    assert one.err == ""
    assert parse(one.out)["status"]["stable"] == OLD
    assert parse(cli("get", "-o", form).out)["items"] == [parse(one.out)]
    assert parse(cli("status", "fraud", "-o", form).out) == parse(one.out)["status"]
    assert parse(cli("evidence", "fraud", "-o", form).out)["outcome"] == "Regression"


def test_evidence_before_any_rollout_is_an_empty_object(cli: Cli) -> None:
    put(cli)
    assert json.loads(cli("evidence", "fraud", "-o", "json").out) == {}
    assert cli("evidence", "fraud").err == "fraud has had no rollout yet\n"


def test_evidence_says_why_in_numbers(cli: Cli) -> None:
    put(cli, sent_back())
    said = cli("evidence", "fraud").out
    assert f"{NEW}  against {OLD}  Regression: candidate failed 5 of 25 requests" in said
    assert "candidate failed 5 of 25, stable 0 of 2020" in said
    assert "1.61 of 1.30" in said
    assert "anytime-valid p of harm: 0.0245" in said


def test_status_shows_roles_evidence_and_trouble(cli: Cli) -> None:
    put(cli, sent_back())
    said = cli("status", "fraud").out
    assert "http://127.0.0.1:8080/v2/models/fraud/infer" in said
    assert f"stable     {OLD}  100 %" in said
    assert f"sent back  {NEW}  Regression: candidate failed 5 of 25" in said
