"""`render`, `crd`, `local down` and `local logs`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import yaml

from fairway.api.crd import crd
from fairway.cli.exits import Exit
from laptop.cli import Cli
from laptop.manifests import manifest
from laptop.records import NEW, put, sent_back


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


def test_digest_prints_what_sha256sum_would(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "model" / "a.onnx"
    file.parent.mkdir()
    file.write_bytes(b"a")
    sha256 = hashlib.sha256(b"a").hexdigest()
    assert cli("digest", str(file)).out == f"{sha256}\n"
    listed = hashlib.sha256(f"{sha256}  a.onnx\n".encode()).hexdigest()
    assert cli("digest", str(file.parent)).out == f"{listed}\n"
    said = cli("digest", str(tmp_path / "nowhere"))
    assert said.code == Exit.ERROR
    assert said.err == f"Error: there is no file or folder {tmp_path}/nowhere\n"


def test_crd_prints_the_crd(cli: Cli) -> None:
    assert yaml.safe_load(cli("crd").out) == crd()


def test_local_down_without_a_fairway_is_no_error(cli: Cli) -> None:
    said = cli("local", "down")
    assert said.code == Exit.OK
    assert said.err == f"no fairway runs on {cli.state}\n"


def test_logs_of_a_server_that_is_gone_can_still_be_read(cli: Cli) -> None:
    put(cli, sent_back())
    said = cli("local", "logs", "fraud", "--candidate")
    assert said.code == Exit.ERROR
    assert said.err == f"Error: {NEW} has not written anything yet\n"
    (cli.state / "logs").mkdir()
    (cli.state / "logs" / f"{NEW}.log").write_text("it was the texture\n")
    assert cli("local", "logs", "fraud", "--candidate").out == "it was the texture\n"
