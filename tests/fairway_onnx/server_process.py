"""A real server process and a plain HTTP client for it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 20.0


def eventually(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; fail with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, timeout: float = PATIENCE_SECONDS) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.connection.request(method, path, body, dict(headers or {}))
        response = self.connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def close(self) -> None:
        self.connection.close()


class Server:
    """A started process; `port` is known once it has bound its address."""

    def __init__(self, folder: Path, model: Path, *flags: str, env: Mapping[str, str] | None = None) -> None:
        self.address_file = folder / "address.json"
        self.termination_log = folder / "termination.json"
        self.log_file = folder / "stderr.log"
        command = [
            *(sys.executable, "-m", "fairway_onnx", "--model", str(model), "--port", "0"),
            *("--address-file", str(self.address_file), "--termination-log", str(self.termination_log)),
            *flags,
        ]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, **(env or {})})

    @property
    def port(self) -> int:
        eventually(lambda: self.address_file.exists() or self.process.poll() is not None, "address bound")
        assert self.process.poll() is None, self.log()
        return int(json.loads(self.address_file.read_text())["port"])

    def log(self) -> str:
        return self.log_file.read_text()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines()]

    def client(self) -> Client:
        return Client(self.port)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        client = self.client()
        try:
            return client.ask(method, path, body, headers)
        finally:
            client.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def infer(self, body: Any, name: str = "m") -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", f"/v2/models/{name}/infer", raw)

    def metric(self, line_start: str) -> float:
        """The value of the metric whose line begins with its name and labels."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"{line_start} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def until_ready(self) -> None:
        eventually(lambda: self.get("/v2/health/ready").status == 200, "ready")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, model: Path, *flags: str) -> Iterator[Server]:
    """A server that is ready, killed at the end: stopping is tested where it is the subject."""
    server = Server(folder, model, "--name", "m", *flags)
    try:
        server.until_ready()
        yield server
    finally:
        server.kill()


def exchange(port: int, *pieces: bytes) -> bytes:
    """Send raw bytes and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}
