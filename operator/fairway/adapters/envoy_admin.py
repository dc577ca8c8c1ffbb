"""Envoy's admin interface over its Unix socket: one request at a time, every failure a typed error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from fairway.adapters.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = "http://envoy"
"""Any name will do: the socket decides where the request goes."""


async def get_json(admin_socket: Path, path: str, query: Mapping[str, str], timeout_seconds: float) -> Any:
    """What a read-only handler answers.

    Raises:
        AdminError: no answer in time, an answer other than 200, or no JSON.
    """
    try:
        async with (
            _session(admin_socket, timeout_seconds) as session,
            session.get(HOST + path, params=query) as answer,
        ):
            answer.raise_for_status()
            return await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise AdminError(f"{path} of {admin_socket}: {error!r}") from error


async def get_text(admin_socket: Path, path: str, query: Mapping[str, str], timeout_seconds: float) -> str:
    """What a read-only handler answers, whatever the status of the answer.

    Raises:
        AdminError: no answer in time.
    """
    try:
        async with (
            _session(admin_socket, timeout_seconds) as session,
            session.get(HOST + path, params=query) as answer,
        ):
            return await answer.text()
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise AdminError(f"{path} of {admin_socket}: {error!r}") from error


async def post(admin_socket: Path, path: str, timeout_seconds: float) -> None:
    """Ask a handler to do something.

    Raises:
        AdminError: no answer in time, or an answer other than 200.
    """
    try:
        async with _session(admin_socket, timeout_seconds) as session, session.post(HOST + path) as answer:
            answer.raise_for_status()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise AdminError(f"{path} of {admin_socket}: {error!r}") from error


def identity(admin_socket: Path) -> str:
    """Tells one Envoy process from the next: each binds its admin socket anew.

    Raises:
        AdminError: none has bound it yet.
    """
    try:
        status = admin_socket.stat()
    except OSError as error:
        raise AdminError(f"{admin_socket}: {error!r}") from error
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _session(admin_socket: Path, timeout_seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(str(admin_socket)),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
    )
