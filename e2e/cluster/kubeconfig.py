"""Writes kubeconfigs."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml


def write_kubeconfig(file: Path, *, server: str, authority: Path, token: str) -> None:
    """A kubeconfig for one server and one user, readable by its owner only."""
    ca = base64.b64encode(authority.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fairway",
        "contexts": [{"name": "fairway", "context": {"cluster": "fairway", "user": "fairway"}}],
        "clusters": [{"name": "fairway", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "fairway", "user": {"token": token}}],
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
