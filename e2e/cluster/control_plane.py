"""The command lines of a control plane on loopback. Nothing is started here."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster import audit
from e2e.cluster.certificates import ACCOUNTS_KEY, CA, SERVER_CERTIFICATE, SERVER_KEY

TOKENS = "tokens.csv"
ISSUER = "https://kubernetes.default.svc"
_SERVES = (
    "--bind-address=127.0.0.1",
    f"--tls-cert-file={SERVER_CERTIFICATE}",
    f"--tls-private-key-file={SERVER_KEY}",
    "--permit-port-sharing",  # the port is held: see ports.py
)
_WORKS_FOR_TESTS = (
    "--leader-elect=false",  # there is only one
    "--kube-api-qps=500",  # a test must not wait for the client's own brake
    "--kube-api-burst=1000",
)


def etcd(binary: Path, port: int) -> list[str]:
    here = f"http://127.0.0.1:{port}"
    return [
        str(binary),
        "--data-dir=etcd",
        f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}",
        "--listen-peer-urls=http://127.0.0.1:0",  # it has no peers
        "--unsafe-no-fsync",  # what it stores survives its own death, not that of the machine
        "--socket-reuse-port",
    ]


def kube_apiserver(binary: Path, port: int, etcd_port: int) -> list[str]:
    return [
        str(binary),
        *_SERVES,
        f"--secure-port={port}",
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # no Service leads here: there are no pods to use it
        "--service-cluster-ip-range=10.0.0.0/16",
        "--authorization-mode=RBAC",
        f"--token-auth-file={TOKENS}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={ACCOUNTS_KEY}",
        f"--service-account-signing-key-file={ACCOUNTS_KEY}",
        f"--audit-policy-file={audit.POLICY}",
        f"--audit-log-path={audit.LOG}",
    ]


def kube_controller_manager(binary: Path, port: int, kubeconfig: Path) -> list[str]:
    return [
        str(binary),
        *_SERVES,
        *_WORKS_FOR_TESTS,
        f"--secure-port={port}",
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={ACCOUNTS_KEY}",
        f"--root-ca-file={CA}",
    ]


def kube_scheduler(binary: Path, port: int, kubeconfig: Path) -> list[str]:
    return [
        str(binary),
        *_SERVES,
        *_WORKS_FOR_TESTS,
        f"--secure-port={port}",
        f"--kubeconfig={kubeconfig}",
    ]


def kwok(binary: Path, kubeconfig: Path) -> list[str]:
    """KWOK for all nodes; what nodes and their pods do stands in the files beside the binary."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        "--manage-all-nodes",
        *(f"--config={stage}" for stage in sorted(binary.parent.glob("*.yaml"))),
        "--node-port=0",  # it serves no logs and no exec: it listens nowhere
    ]
