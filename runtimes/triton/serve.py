"""Starts Triton on one ONNX model: writes the model repository, then becomes `tritonserver`.

    python serve.py --model /models/SHA256 --name fraud --port 8080

The model is run by ONNX Runtime inside Triton's Python backend (`model.py` beside this file): that is the one
that the server's wheel brings. Nothing is guessed at run time: what the model takes and gives is read here,
and Triton is told not to complete anything by itself.

Exit code 3: the model cannot be served, starting again does not help.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CANNOT_SERVE = 3
TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(double)": "TYPE_FP64",
    "tensor(float)": "TYPE_FP32",
    "tensor(float16)": "TYPE_FP16",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(string)": "TYPE_STRING",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(uint8)": "TYPE_UINT8",
}
"""ONNX's words and Triton's."""
CLOSED = "model-repository,shared-memory,trace,logging"
"""Who can reach the port must not load other models, map memory or change what is logged."""
MODEL = Path(__file__).with_name("model.py")


class CannotServe(Exception):
    """The model is at fault; the text says how."""


def main() -> None:
    asked = _arguments()
    try:
        model = onnx_file(asked.model)
        inputs, outputs = _signature(model)
        config = config_text(asked.name, inputs, outputs, model, asked.threads)
    except CannotServe as error:
        asked.termination_log.write_text(json.dumps({"reason": "ModelCannotBeServed", "message": str(error)}))
        sys.exit(CANNOT_SERVE)
    repository = asked.folder / "repository"
    write_repository(repository, asked.name, config)
    server = _server()
    backends = _backends(server, asked.folder / "backends")
    os.environ["SERVE_PACKAGES"] = sysconfig.get_path("purelib")
    os.environ["LD_LIBRARY_PATH"] = ":".join(
        (str(server.parents[1] / "nvidia_pytriton.libs"), _python_library())
    )
    binary = server / "bin/tritonserver"
    os.execv(binary, [str(binary), *flags(asked, repository, backends)])  # noqa: S606


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve one ONNX model with Triton.")
    parser.add_argument(
        "--model", type=Path, required=True, help="an .onnx file, or the folder that holds it"
    )
    parser.add_argument("--name", required=True, help="of the model in the protocol")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104  a pod's own network
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=1, help="that one inference may use")
    parser.add_argument("--drain-seconds", type=int, default=30, help="for the last answers after SIGTERM")
    parser.add_argument("--termination-log", type=Path, default=Path("/dev/termination-log"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/triton"), help="for what it writes")  # noqa: S108
    return parser.parse_args()


def flags(asked: argparse.Namespace, repository: Path, backends: Path) -> Iterator[str]:
    """How `tritonserver` is called: one model by name, HTTP alone, and nothing that a user could change."""
    yield f"--model-repository={repository}"
    yield "--model-control-mode=explicit"
    yield f"--load-model={asked.name}"
    yield "--disable-auto-complete-config"
    yield f"--backend-directory={backends}"
    yield f"--http-address={asked.host}"
    yield f"--http-port={asked.port}"
    yield f"--http-restricted-api={CLOSED}:closed={secrets.token_hex(16)}"
    yield "--allow-grpc=false"
    yield "--allow-metrics=false"
    yield f"--exit-timeout-secs={asked.drain_seconds}"


def onnx_file(path: Path) -> Path:
    """The model: the file itself, or the only one of its kind in the folder.

    Raises:
        CannotServe: there is none, or more than one.
    """
    if path.is_file():
        return path
    found = sorted(path.glob("*.onnx"))
    if len(found) != 1:
        raise CannotServe(f"the folder has {len(found)} files .onnx, and there must be one")
    return found[0]


def config_text(name: str, inputs: Iterable[Any], outputs: Iterable[Any], model: Path, threads: int) -> str:
    """A `config.pbtxt` with every dimension as the model has it: a batch is one of them.

    Args:
        name: of the model in the protocol.
        inputs: each with `name`, `type` and `shape`, as ONNX Runtime tells them.
        outputs: likewise.
        model: the .onnx file.
        threads: that one inference may use.

    Raises:
        CannotServe: a value is of a type that Triton has no word for.
    """
    parameters = {"model": str(model), "threads": str(threads)}
    lines = [
        f"name: {json.dumps(name)}",
        'backend: "python"',
        "max_batch_size: 0",
        *(_tensor("input", one) for one in inputs),
        *(_tensor("output", one) for one in outputs),
        "instance_group [{ kind: KIND_CPU, count: 1 }]",
        *(
            f"parameters {{ key: {json.dumps(key)}, value: {{ string_value: {json.dumps(value)} }} }}"
            for key, value in parameters.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _tensor(role: str, value: Any) -> str:
    if value.type not in TYPES:
        raise CannotServe(f"{role} {value.name} is a {value.type}, for which Triton has no word")
    dims = ", ".join(str(size) if isinstance(size, int) and size > 0 else "-1" for size in value.shape)
    return f"{role} [{{ name: {json.dumps(value.name)}, data_type: {TYPES[value.type]}, dims: [{dims}] }}]"


def write_repository(repository: Path, name: str, config: str) -> None:
    """A repository of one model in one version, written anew: a restarted container finds its old one."""
    shutil.rmtree(repository, ignore_errors=True)
    version = repository / name / "1"
    version.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(config)
    shutil.copyfile(MODEL, version / "model.py")


def _signature(model: Path) -> tuple[list[Any], list[Any]]:
    import onnxruntime  # noqa: PLC0415  so that the rest can be read and tested without it

    try:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no common class for what it refuses
        raise CannotServe(f"ONNX Runtime does not take it: {error}") from error
    return session.get_inputs(), session.get_outputs()


def _server() -> Path:
    """Where the wheel of the server lies."""
    return Path(sysconfig.get_path("purelib")) / "pytriton/tritonserver"


def _backends(server: Path, target: Path) -> Path:
    """The Python backend with the stub for this Python: a backend looks for it beside itself."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(server / "backends/python", target / "python")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", target / "python")
    return target


def _python_library() -> str:
    return str(sysconfig.get_config_var("LIBDIR"))


if __name__ == "__main__":
    main()
