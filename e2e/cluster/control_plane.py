"""The command lines of a control plane on loopback. What each flag is for; nothing is started here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e.cluster.certificates import ACCOUNTS_KEY, CA, SERVER_CERTIFICATE, SERVER_KEY

TOKENS = "tokens.csv"
ISSUER = "https://kubernetes.default.svc"
_SERVES_TLS = (
    "--bind-address=127.0.0.1",
    f"--tls-cert-file={SERVER_CERTIFICATE}",
    f"--tls-private-key-file={SERVER_KEY}",
)
_MANY_WRITES = (
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
)  # a test must not wait for the client's own brake


@dataclass(frozen=True)
class Ports:
    etcd: int
    api: int


def etcd(binary: Path, port: int) -> list[str]:
    here = f"http://127.0.0.1:{port}"
    return [
        *(str(binary), "--data-dir=etcd", f"--listen-client-urls={here}", f"--advertise-client-urls={here}"),
        "--listen-peer-urls=http://127.0.0.1:0",  # it has no peers
        "--unsafe-no-fsync",  # survives its own death, not that of the machine
        "--socket-reuse-port",  # the port is held: see ports.py
    ]


def kube_apiserver(binary: Path, port: int, etcd_port: int) -> list[str]:
    return [
        *(
            str(binary),
            *_SERVES_TLS,
            f"--secure-port={port}",
            "--permit-port-sharing",
            "--advertise-address=127.0.0.1",
        ),
        *(f"--etcd-servers=http://127.0.0.1:{etcd_port}", "--endpoint-reconciler-type=none"),
        *(
            f"--token-auth-file={TOKENS}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
        ),
        *(f"--service-account-issuer={ISSUER}", f"--service-account-key-file={ACCOUNTS_KEY}"),
        f"--service-account-signing-key-file={ACCOUNTS_KEY}",
    ]


def kube_controller_manager(binary: Path, port: int, kubeconfig: Path) -> list[str]:
    return [
        *(
            str(binary),
            *_SERVES_TLS,
            f"--secure-port={port}",
            "--permit-port-sharing",
            f"--kubeconfig={kubeconfig}",
        ),
        *("--leader-elect=false", "--use-service-account-credentials", f"--root-ca-file={CA}", *_MANY_WRITES),
        f"--service-account-private-key-file={ACCOUNTS_KEY}",
    ]


def kube_scheduler(binary: Path, port: int, kubeconfig: Path) -> list[str]:
    return [
        *(
            str(binary),
            *_SERVES_TLS,
            f"--secure-port={port}",
            "--permit-port-sharing",
            f"--kubeconfig={kubeconfig}",
        ),
        *("--leader-elect=false", *_MANY_WRITES),
    ]
