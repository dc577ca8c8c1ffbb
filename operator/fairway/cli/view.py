"""The live view of `fairway local up`: events as lines, and on a terminal the models' state beneath them."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from fairway.cli.options import Context
from fairway.cli.output import details
from fairway.core.model import Notice, Severity
from fairway.driver.ports import Ref

if TYPE_CHECKING:
    from fairway.local.app import LocalApp

REFRESH_SECONDS = 0.25


def set_up_logging(file: Path) -> None:
    """Fairway's own log goes to a file, as JSON lines; the terminal belongs to the view."""
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
        self._live: Live | None = None

    def notice(self, ref: Ref | None, notice: Notice) -> None:
        """One line an event."""
        style = "yellow" if notice.severity is Severity.WARNING else "default"
        now = datetime.now().astimezone().strftime("%H:%M:%S")  # noqa: TID251  a person's clock
        name = ref.name if ref else "fairway"
        self._console.print(
            Text.assemble((now, "dim"), f" {name}  ", (notice.reason, style), f"  {notice.message}")
        )

    def say(self, words: str) -> None:
        self._console.print(Text(words, style="dim"))

    async def run(self, app: LocalApp) -> None:
        """Draw until cancelled; without a terminal the lines are all there is."""
        if not self._console.is_terminal:
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._draw(app), refresh=True)
                await asyncio.sleep(REFRESH_SECONDS)

    def _draw(self, app: LocalApp) -> RenderableType:
        now = datetime.now(UTC)  # noqa: TID251  a person's clock
        models = [md for ref in app.store.refs() if (md := app.store.get(ref)) is not None]
        parts: list[RenderableType] = [Text("")]
        parts += [details(md, now) for md in models]
        if not models:
            parts.append(Text("nothing to serve yet; fairway apply -f model.yaml", style="dim"))
        if app.platform.router_health.message:
            parts.append(Text(f"envoy: {app.platform.router_health.message}", style="yellow"))
        parts.append(Text("Ctrl-C ends it", style="dim"))
        return Group(*parts)
