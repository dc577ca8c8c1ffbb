"""Every reason to give up: exit code, reason and sentence, for the person who deploys the model."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from onnx import ModelProto

from . import onnx_models as models
from .server_process import Server


@dataclass(frozen=True)
class Case:
    why: str
    reason: str
    says: str
    model: ModelProto | bytes | None
    exit_code: int = 3


CASES = [
    Case("nothing there", "ModelNotFound", "there is no model at ", None),
    Case("not an ONNX file", "ModelInvalid", "is not an ONNX model", b"hello, this is no model"),
    Case("truncated", "ModelInvalid", "truncated", models.doubler().SerializeToString()[:-9]),
    Case("too new", "ModelTooNew", r"needs opset 99 of .* up to \d+", models.doubler({"": 99})),
    Case("data outside", "ExternalDataOutsideFolder", r"'\.\./w'", models.with_external_weights("../w")),
    Case("data missing", "ExternalDataMissing", "'w.bin' is missing", models.with_external_weights("w.bin")),
    Case("custom op", "CustomOpUnknown", "'Sonar' of domain 'com.example'", models.custom_op()),
    Case("zipmap", "ModelInvalid", "'zipmap': False", models.zipmap_classifier()),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """All of them at once: each lives only as long as it takes to find out."""
    servers = {}
    for case in CASES:
        folder = tmp_path_factory.mktemp("fatal")
        model = folder / "model" / "m.onnx"
        if isinstance(case.model, bytes):
            model.parent.mkdir()
            model.write_bytes(case.model)
        elif case.model is not None:
            models.save(case.model, model)
        servers[case.why] = Server(folder, model)
    yield servers
    for server in servers.values():
        server.kill()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_gives_up_with_a_reason_and_one_sentence(servers: dict[str, Server], case: Case) -> None:
    server = servers[case.why]
    assert server.wait() == case.exit_code
    written = server.termination_log.read_bytes()
    assert len(written) <= 4096
    told = json.loads(written)
    assert told["reason"] == case.reason
    assert re.search(case.says, told["message"])
    assert "\n" not in told["message"]
    assert "ONNXRuntimeError" not in told["message"]
    assert server.events()[-1]["reason"] == case.reason


def test_a_taken_address_is_exit_code_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(tmp_path, models.save(models.doubler(), tmp_path / "m.onnx"), "--port", str(port))
        assert server.wait() == 4
    told = json.loads(server.termination_log.read_text())
    assert told["reason"] == "AddressUnavailable"
    assert f"port {port}" in told["message"]
    assert not server.address_file.exists()


def test_a_device_that_is_not_there_is_exit_code_5(tmp_path: Path) -> None:
    server = Server(
        tmp_path, models.save(models.doubler(), tmp_path / "m.onnx"), "--device", "cuda", "--port", "0"
    )
    assert server.wait() == 5
    assert json.loads(server.termination_log.read_text())["reason"] == "DeviceUnavailable"


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    server = Server(tmp_path, tmp_path / "m.onnx", "--threads", "0")
    assert server.wait() == 2
    assert "--threads" in server.log()
