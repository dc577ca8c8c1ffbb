"""Connections to an API server that stay open: a handshake costs more than an answer."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import yaml


def session_of(kubeconfig: Path, *, signed: bool) -> aiohttp.ClientSession:
    """A session with the only server of a kubeconfig.

    Args:
        kubeconfig: as our own providers write it: with one cluster, one user and a token.
        signed: whether every request carries that token, unless it brings its own.
    """
    content = yaml.safe_load(kubeconfig.read_text())
    cluster = content["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    headers = {"Authorization": f"Bearer {token_of(content)}"} if signed else {}
    return aiohttp.ClientSession(
        cluster["server"],
        connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority), limit=0),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None),
    )


def token_of(content: dict[str, Any]) -> str:
    """The token of a kubeconfig's only user."""
    return str(content["users"][0]["user"]["token"])
