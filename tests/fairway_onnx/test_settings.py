"""Flags and environment variables; the small pure parts beside them."""

import json
import tomllib
from pathlib import Path

import pytest

import fairway_onnx
from fairway_onnx.cpus import quota_cpus, usable_cpus
from fairway_onnx.settings import parse_settings
from fairway_onnx.termination import termination_message


def test_a_model_is_all_that_must_be_said() -> None:
    settings = parse_settings(["--model", "/models/fraud"], {})
    assert (settings.model, settings.name, settings.version) == (Path("/models/fraud"), "fraud", "1")
    assert (settings.host, settings.port, settings.threads) == ("127.0.0.1", 8080, 1)
    assert (settings.max_body_bytes, settings.max_queue, settings.request_timeout) == (64 * 2**20, 100, 30.0)
    assert settings.workers == usable_cpus()


def test_a_file_names_the_model_without_its_suffix() -> None:
    assert parse_settings(["--model", "/models/fraud.onnx"], {}).name == "fraud"


def test_every_flag_is_also_a_variable_and_the_flag_wins() -> None:
    variables = {"FAIRWAY_ONNX_MODEL": "a.onnx", "FAIRWAY_ONNX_MAX_QUEUE": "7", "FAIRWAY_ONNX_PORT": "1"}
    settings = parse_settings(["--port", "2"], variables)
    assert (settings.name, settings.max_queue, settings.port) == ("a", 7, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model", "m", "--port", "65536"],
        ["--model", "m", "--threads", "0"],
        ["--model", "m", "--device", "tpu"],
        ["--model", "m", "--request-timeout", "nan"],
        ["--model", "m", "--drain-seconds", "-1"],
        ["--model", "m", "--name", "a/b"],
        ["--model", "m", "--version", ".."],
        ["--model", "m", "--log-format", "xml"],
        ["--model", "/models/my model.onnx"],
    ],
    ids=" ".join,
)
def test_a_wrong_setting_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_settings(arguments, {})
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_wrong_variable_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_settings(["--model", "m"], {"FAIRWAY_ONNX_MAX_QUEUE": "many"})
    assert "--max-queue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("max", None),
    ],
)
def test_reads_the_cpu_quota_of_the_container(text: str, cpus: int | None) -> None:
    assert quota_cpus(text) == cpus


@pytest.mark.parametrize("message", ["short", "x" * 10_000, "é😀" * 5_000, '"\\' * 5_000, "\0" * 10_000])
def test_the_termination_message_is_whole_json_within_its_limit(message: str) -> None:
    written = termination_message("ModelInvalid", message)
    assert len(written) <= 4096
    told = json.loads(written)
    assert message.startswith(told["message"])
    assert len(message) == len(told["message"]) or len(written) > 3900


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert fairway_onnx.__version__ == project["version"]
