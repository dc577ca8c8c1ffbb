"""`fairway-agent serve` beside Envoy, `fairway-agent drain` before Envoy ends."""

from __future__ import annotations

import asyncio
import sys

import structlog

from fairway.adapters.json_logs import configure_json_logs
from fairway.agent.drain import drain
from fairway.agent.errors import SettingsError
from fairway.agent.settings import read_settings
from fairway.api.errors import FairwayError

USAGE = "usage: fairway-agent [serve | drain]"
EXIT_USAGE = 2


def run(arguments: list[str]) -> int:
    """Exit status: 0 as asked, 1 failed, 2 called or configured wrongly."""
    command = arguments[0] if arguments else "serve"
    if command not in {"serve", "drain"} or len(arguments) > 1:
        sys.stderr.write(USAGE + "\n")
        return EXIT_USAGE
    configure_json_logs()
    log = structlog.get_logger()
    try:
        settings = read_settings()
    except SettingsError as error:
        log.error("the environment is not complete", trouble=str(error))  # noqa: TRY400  a fault of the user's
        return EXIT_USAGE
    try:
        if command == "drain":
            asyncio.run(drain(settings))
        else:
            # Here, because the hook that drains must start fast and needs none of it.
            from fairway.agent.app import serve  # noqa: PLC0415

            asyncio.run(serve(settings))
    except (FairwayError, OSError) as error:
        log.error("the agent cannot go on", trouble=str(error))  # noqa: TRY400  the words say it all
        return 1
    return 0
