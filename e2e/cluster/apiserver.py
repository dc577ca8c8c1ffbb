"""A control plane of plain processes: a real kube-apiserver on a real etcd, in about three seconds.

Nothing here runs pods. On request there are also the controllers (garbage collection, Deployments, …), the
scheduler, and KWOK, which says of pods and nodes that they are ready without running them.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import binaries, control_plane
from e2e.cluster.audit import write_policy
from e2e.cluster.certificates import CA, make_certificates
from e2e.cluster.errors import NotPossibleHere
from e2e.cluster.kubeconfig import write_kubeconfig
from e2e.cluster.ports import Port
from e2e.cluster.processes import Process, start
from e2e.cluster.provider import Cluster

CONTROLLERS, SCHEDULER, KWOK = "kube-controller-manager", "kube-scheduler", "kwok"
_START_SECONDS = 60.0  # on a machine that is busy with something else
_USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}


class Apiserver:
    """Provider of an API server without nodes.

    Attributes:
        folder: certificates, logs and data; may be removed after `down`.
        parts: what runs beside etcd and kube-apiserver: CONTROLLERS, SCHEDULER, KWOK.
    """

    def __init__(self, folder: Path, *parts: str) -> None:
        self.folder = folder.absolute()
        self.parts = parts
        self.processes: dict[str, Process] = {}
        self._ports: dict[str, Port] = {}
        self._tokens = {user: secrets.token_hex(16) for user in _USERS}

    def missing(self) -> str:
        missing = binaries.missing(self._needs())
        if missing:
            return f"{', '.join(missing)} not built; run: make cluster-binaries"
        return "" if shutil.which("openssl") else "openssl is not installed"

    def up(self) -> Cluster:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_certificates(self.folder)
        write_policy(self.folder)
        self._write_tokens()
        try:
            self._start_etcd()
            self._start_apiserver()
            for part in self.parts:
                self._start_part(part)
        except BaseException:
            self.down()
            raise
        return Cluster(self.kubeconfig("admin"), runs_pods=False)

    def down(self) -> None:
        """Kill everything and drop the data; logs stay in the folder."""
        while self.processes:
            _, process = self.processes.popitem()  # last in, first out
            process.stop()
        while self._ports:
            self._ports.popitem()[1].close()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def load(self, *images: str) -> None:
        raise NotPossibleHere(f"no pod can run {', '.join(images)}: this is an API server without nodes")

    def stop(self, name: str) -> None:
        """Kill one process, as a crash does. Its port and its data stay for `restart`."""
        self.processes.pop(name).stop()

    def restart(self, name: str) -> None:
        """Bring back a process after `stop`, on the same port; return when it is ready."""
        starters: dict[str, Callable[[], None]] = {
            "etcd": self._start_etcd,
            "kube-apiserver": self._start_apiserver,
        }
        starters.get(name, lambda: self._start_part(name))()

    def kubeconfig(self, user: str) -> Path:
        return self.folder / f"{user.removeprefix('system:')}.kubeconfig"

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self._port('kube-apiserver')}"

    def _needs(self) -> tuple[str, ...]:
        return ("etcd", "kube-apiserver", "kubectl", *self.parts)

    def _port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = Port()
        return self._ports[name].number

    def _write_tokens(self) -> None:
        lines = [f'{self._tokens[user]},{user},{user},"{group}"\n' for user, group in _USERS.items()]
        file = self.folder / control_plane.TOKENS
        file.touch(mode=0o600)
        file.write_text("".join(lines))
        for user, token in self._tokens.items():
            write_kubeconfig(
                self.kubeconfig(user), server=self.server, authority=self.folder / CA, token=token
            )

    def _start_etcd(self) -> None:
        port = self._port("etcd")
        process = self._start("etcd", control_plane.etcd(binaries.find_or_make("etcd"), port))

        def ready() -> bool:
            return _is_ok(http.client.HTTPConnection("127.0.0.1", port), "/readyz")

        process.wait_until(ready, _START_SECONDS)

    def _start_apiserver(self) -> None:
        name = "kube-apiserver"
        binary, port = binaries.find_or_make(name), self._port(name)
        process = self._start(name, control_plane.kube_apiserver(binary, port, self._port("etcd")))
        process.wait_until(self._answers(name, "/readyz"), _START_SECONDS)

    def _start_part(self, name: str) -> None:
        binary = binaries.find_or_make(name)
        if name == KWOK:  # it has nothing to be asked; its nodes become ready or do not
            self._start(name, control_plane.kwok(binary, self.kubeconfig("admin")))
            return
        command = {
            CONTROLLERS: control_plane.kube_controller_manager,
            SCHEDULER: control_plane.kube_scheduler,
        }[name]
        process = self._start(name, command(binary, self._port(name), self.kubeconfig(f"system:{name}")))
        process.wait_until(self._answers(name, "/healthz"), _START_SECONDS)

    def _start(self, name: str, command: list[str]) -> Process:
        self.processes[name] = start(name, command, self.folder)
        return self.processes[name]

    def _answers(self, name: str, path: str) -> Callable[[], bool]:
        trust = ssl.create_default_context(cafile=self.folder / CA)
        port = self._port(name)
        return lambda: _is_ok(http.client.HTTPSConnection("127.0.0.1", port, context=trust), path)


def _is_ok(connection: http.client.HTTPConnection, path: str) -> bool:
    connection.timeout = 5
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    return False
