"""`python -m fairway.controller`: the operator. Exit codes: 0 stopped, 1 our fault, 2 wrong settings."""

from __future__ import annotations

import asyncio
import signal
import sys

from fairway.controller.app import OperatorApp
from fairway.controller.connection import load_connection
from fairway.controller.errors import SettingsWrong
from fairway.controller.logs import configure_logs
from fairway.controller.settings import Settings, load_settings


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        SettingsWrong: no API server is configured.
    """
    app = OperatorApp(settings, load_connection(settings.kubeconfig))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    await app.run()


def main() -> int:
    """Read the settings and run."""
    try:
        settings = load_settings()
        configure_logs(settings.log_level)
        asyncio.run(serve(settings))
    except SettingsWrong as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
