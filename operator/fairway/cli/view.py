"""The live view of `fairway local up`: events as lines, and on a terminal the models' state beneath them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from fairway.adapters.errors import StoreError
from fairway.cli.options import Context
from fairway.cli.output import details
from fairway.core.model import Notice, Severity
from fairway.driver.ports import Ref

if TYPE_CHECKING:
    from fairway.local.app import LocalApp

REFRESH_SECONDS = 0.25


def set_up_logging(file: Path) -> None:
    """Fairway's own log goes to a file, as JSON lines; the terminal belongs to the view."""
    logging.raiseExceptions = False  # a full disk must not fill the terminal with tracebacks
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso")],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class View:
    """Prints what happens."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._console = context.out

    def notice(self, ref: Ref | None, notice: Notice) -> None:
        """One line an event."""
        style = "yellow" if notice.severity is Severity.WARNING else "default"
        now = datetime.now().astimezone().strftime("%H:%M:%S")  # noqa: TID251  a person's clock
        name = ref.name if ref else "fairway"
        self._print(Text.assemble((now, "dim"), f" {name}  ", (notice.reason, style), f"  {notice.message}"))

    def say(self, words: str) -> None:
        self._print(Text(words, style="dim"))

    def _print(self, line: Text) -> None:
        """Whoever closed the window or the pipe must not stop what is served, nor keep it from ending."""
        with suppress(OSError, SystemExit):  # rich leaves on a broken pipe
            self._console.print(line)

    async def run(self, app: LocalApp) -> None:
        """Draw until cancelled; without a terminal the lines are all there is."""
        if not self._console.is_terminal:
            return
        with (
            suppress(OSError, SystemExit),
            Live(console=self._console, auto_refresh=False, transient=True) as live,
        ):
            while True:
                live.update(self._draw(app), refresh=True)
                await asyncio.sleep(REFRESH_SECONDS)

    def _draw(self, app: LocalApp) -> RenderableType:
        now = datetime.now(UTC)  # noqa: TID251  a person's clock
        parts: list[RenderableType] = [Text("")]
        refs = app.store.refs()
        for ref in refs:
            try:
                md = app.store.get(ref)
            except StoreError as error:
                parts.append(Text(f"{ref}: {error}", style="yellow"))
                continue
            if md is not None:
                parts.append(details(md, now))
        if not refs:
            parts.append(Text("nothing to serve yet; fairway apply -f model.yaml", style="dim"))
        if app.platform.router_health.message:
            parts.append(Text(f"envoy: {app.platform.router_health.message}", style="yellow"))
        parts.append(Text("Ctrl-C ends it", style="dim"))
        return Group(*parts)
