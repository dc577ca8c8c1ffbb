"""Each room knows only what it may: a change of the transport or the runtime stays in its own files."""

import ast
from pathlib import Path

import pytest

import fairway_onnx

PACKAGE = Path(fairway_onnx.__file__).parent
FILES = {file.relative_to(PACKAGE).as_posix(): file for file in PACKAGE.rglob("*.py")}

CODECS = ("v2/", "datatypes.py", "onnx_wire.py", "signature.py", "load_errors.py")
ONLY_IN = {
    "onnxruntime": ("session.py",),
    "uvicorn": ("transport/",),
    "fairway_onnx.transport": ("transport/", "serve.py", "process.py"),
    "fairway_onnx.session": (),
    "prometheus_client": ("metrics.py",),
    "fairway": (),
    "pydantic": (),
    "starlette": (),
    "onnx": (),
}
PURE_NEVER = (
    "asyncio",
    "socket",
    "os",
    "time",
    "threading",
    "fairway_onnx.dataplane",
    "fairway_onnx.scheduler",
)


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def users(module: str) -> set[str]:
    return {
        name
        for name, file in FILES.items()
        if any(used == module or used.startswith(f"{module}.") for used in imports(file))
    }


@pytest.mark.parametrize("module", ONLY_IN)
def test_a_module_is_used_only_where_it_belongs(module: str) -> None:
    assert {name for name in users(module) if not name.startswith(ONLY_IN[module])} == set()


@pytest.mark.parametrize("module", PURE_NEVER)
def test_codecs_and_checks_are_pure(module: str) -> None:
    assert {name for name in users(module) if name.startswith(CODECS)} == set()


def test_the_rooms_are_looked_at() -> None:
    assert users("onnxruntime") == {"session.py"}
    assert "transport/server.py" in users("uvicorn")
