"""A plain client of the Kubernetes API for tests: no library between the test and the server's answer."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_SECONDS = 20.0
_IDLE_SECONDS = 5.0
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def message(self) -> str:
        """What a refusal says; "" for anything else."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""


class Api:
    """One connection, kept open; not for two threads at once."""

    def __init__(self, server: str, trust: ssl.SSLContext, token: str = "") -> None:
        """Connect lazily to a server like `https://127.0.0.1:41234`."""
        self._server = urlsplit(server)
        self._trust = trust
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = self._fresh()
        self._used = 0.0

    @classmethod
    def of(cls, kubeconfig: Path) -> Api:
        """A client for the current context of a kubeconfig: a token, or a client certificate."""
        read = yaml.safe_load(kubeconfig.read_text())
        context = _named(read["contexts"], read["current-context"])["context"]
        cluster = _named(read["clusters"], context["cluster"])["cluster"]
        user = _named(read["users"], context["user"])["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        trust = ssl.create_default_context(cadata=authority)
        if "client-certificate-data" in user:
            _present(trust, user, kubeconfig.parent)
        return cls(cluster["server"], trust, user.get("token", ""))

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        return self.ask("POST", path, body)

    def put(self, path: str, body: Any) -> Answer:
        return self.ask("PUT", path, body)

    def patch(self, path: str, body: Any, kind: str = MERGE_PATCH) -> Answer:
        return self.ask("PATCH", path, body, kind)

    def delete(self, path: str) -> Answer:
        return self.ask("DELETE", path)

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Answer:
        """Send one request; any answer of the server is returned, also a refusal.

        Raises:
            OSError, http.client.HTTPException: there was no answer.
        """
        data = None if body is None else json.dumps(body)
        headers = {**self._headers, "Content-Type": kind, "Accept": "application/json"}
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._connection.close()  # the server may have closed it too, and would not say so
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # opens itself again with the next request
            raise
        finally:
            self._used = time.monotonic()
        is_json = response.headers.get_content_type() == "application/json"
        return Answer(response.status, json.loads(text) if is_json else text.decode())

    def close(self) -> None:
        self._connection.close()

    def _fresh(self) -> http.client.HTTPSConnection:
        host, port = self._server.hostname, self._server.port
        assert host is not None
        return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=self._trust)


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def _present(trust: ssl.SSLContext, user: dict[str, Any], folder: Path) -> None:
    """Python reads client certificates from files only."""
    files = []
    for name in ("client-certificate-data", "client-key-data"):
        file = folder / f".{name}.pem"
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(user[name]))
        files.append(file)
    trust.load_cert_chain(files[0], files[1])
    for file in files:
        file.unlink()
