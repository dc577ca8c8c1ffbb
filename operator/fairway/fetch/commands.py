"""`fairway-fetch get` before a server starts, `fairway-fetch resolve` before a revision is named."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from fairway.adapters.json_logs import configure_json_logs
from fairway.fetch.archive import Limits
from fairway.fetch.download import Content, download
from fairway.fetch.errors import AccessDenied, DiskTrouble, FetchError, Interrupted
from fairway.fetch.get import Get
from fairway.fetch.part import Part
from fairway.fetch.protocols import Access
from fairway.fetch.registry import open_store
from fairway.fetch.transfer import Patience

EXIT_FAILED = 1
EXIT_INTERRUPTED = 143
TERMINATION = Path("/dev/termination-log")
MAX_MESSAGE = 1024
"""Kubernetes keeps 4096 bytes of last words, and the status less."""

log = structlog.get_logger()


def run(arguments: list[str]) -> int:
    """Exit status: 0 as asked, 1 failed, 2 called wrongly, 143 ended by SIGTERM."""
    words = _parser().parse_args(arguments)
    configure_json_logs()
    try:
        content = asyncio.run(_until_signalled(_work(words)))
    except FetchError as error:
        return _failed(words.termination, error)
    except OSError as error:
        return _failed(words.termination, _disk_trouble(error))
    if content is None:
        log.info("the model is here already")
        return 0
    _leave(words.termination, asdict(content))
    sys.stdout.write(json.dumps(asdict(content)) + "\n")
    return 0


async def _work(words: argparse.Namespace) -> Content | None:
    store = open_store(words.uri, _access(words))
    try:
        if words.command == "get":
            return await Get(store, words.uri, words.sha256, words.target, Patience(), Limits()).run()
        return await download(store, words.uri, lambda _name: Part(), Patience())
    finally:
        await store.close()


async def _until_signalled(work: Awaitable[Content | None]) -> Content | None:
    """Give up in order when Kubernetes asks to.

    Raises:
        Interrupted: it did.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted("asked to end before the model was whole; the next try goes on from here") from None


def _access(words: argparse.Namespace) -> Access:
    secret = {}
    if words.secret is not None:
        for path in words.secret.iterdir() if words.secret.is_dir() else ():
            if path.is_file():  # Kubernetes keeps folders with dots of its own there
                secret[path.name] = path.read_text(encoding="utf-8", errors="replace")
        if not secret:  # the pod starts without it, so that somebody can say this
            raise AccessDenied(
                "the Secret that spec.model.secretRef names does not exist or is empty: make it"
            )
    return Access(secret, os.environ, words.claim)


def _failed(termination: Path, error: FetchError) -> int:
    _leave(termination, {"reason": error.reason, "message": str(error)[:MAX_MESSAGE]})
    log.error("there is no model", reason=error.reason, trouble=str(error))
    return EXIT_INTERRUPTED if isinstance(error, Interrupted) else EXIT_FAILED


def _disk_trouble(error: OSError) -> DiskTrouble:
    words = error.strerror or str(error)
    return DiskTrouble(
        f"the volume for models cannot take this one: {words}; give nodes more ephemeral storage, or serve a "
        "smaller model"
    )


def _leave(termination: Path, facts: dict[str, Any]) -> None:
    """Kubernetes makes the file for last words; elsewhere there is none."""
    if termination.exists():
        termination.write_text(json.dumps(facts), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fairway-fetch", description="Brings a model from its store.")
    commands = parser.add_subparsers(dest="command", required=True)
    get = commands.add_parser("get", help="bring a model into a folder, if its digest is right")
    resolve = commands.add_parser("resolve", help="say what the content is, and keep nothing")
    for command in (get, resolve):
        command.add_argument(
            "--uri", required=True, help="s3://BUCKET/KEY, https://HOST/PATH or pvc://CLAIM/PATH"
        )
        command.add_argument("--secret", type=Path, help="folder with a file for each key of a Secret")
        command.add_argument("--claim", type=Path, help="where the volume of a pvc: URI is mounted")
        command.add_argument("--termination", type=Path, default=TERMINATION, help=argparse.SUPPRESS)
    get.add_argument("--sha256", required=True, help="what the content must be")
    get.add_argument("--target", required=True, type=Path, help="folder that is made")
    return parser
