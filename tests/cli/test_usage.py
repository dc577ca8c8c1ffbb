"""How a command explains itself, and how it answers a wrong call."""

from __future__ import annotations

import pytest

from fairway.cli.exits import Exit
from laptop.cli import Cli
from laptop.manifests import manifest
from laptop.records import put

COMMANDS = (
    *("apply", "crd", "delete", "evidence", "get", "local", "render", "retry", "status", "undo"),
    *("abort", "pause", "promote", "resume"),
)
LOCAL = ("up", "down", "logs")
NAMED = ("status", "evidence", "delete", "undo", "promote", "abort", "retry", "get")


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
    put(cli)
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
