"""The keys of one cluster, made by openssl (3.0 or newer): valid for a day, on loopback only."""

from __future__ import annotations

from pathlib import Path

from e2e.cluster.commands import run

CA, SERVER_CERTIFICATE, SERVER_KEY, ACCOUNTS_KEY = "ca.crt", "server.crt", "server.key", "accounts.key"
_NAMES = (
    "IP:127.0.0.1,DNS:localhost,"
    "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
)
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder: Path) -> None:
    """Write a CA, a certificate of the API server, and the key that signs the tokens of service accounts.

    Raises:
        CannotMake: openssl is not installed, or failed.
    """
    log, common = folder / "openssl.log", (*_NEW_KEY, "-days", "1", "-batch")
    run(
        "making a certificate authority",
        [
            *("openssl", "req", "-x509", *common, "-subj", "/CN=fairway-test-ca"),
            *("-addext", "keyUsage=critical,keyCertSign,digitalSignature"),
            *("-keyout", "ca.key", "-out", CA),
        ],
        log,
        folder=folder,
    )
    run(
        "making the certificate of the API server",
        [
            *(
                "openssl",
                "req",
                "-x509",
                *common,
                "-subj",
                "/CN=kube-apiserver",
                "-CA",
                CA,
                "-CAkey",
                "ca.key",
            ),
            *("-addext", f"subjectAltName={_NAMES}", "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", "extendedKeyUsage=serverAuth", "-keyout", SERVER_KEY, "-out", SERVER_CERTIFICATE),
        ],
        log,
        folder=folder,
    )
    run(
        "making the key of service accounts",
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", ACCOUNTS_KEY],
        log,
        folder=folder,
    )
