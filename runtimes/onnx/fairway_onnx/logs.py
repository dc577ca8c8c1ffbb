"""Log lines on stderr, one JSON object each, or plain text for a person at a terminal."""

import logging
import sys
from typing import Any

import orjson
import structlog

_LIBRARIES = ("uvicorn", "asyncio")


def configure_logging(log_format: str) -> None:
    """Set up structlog, and pass the libraries' warnings through it.

    Args:
        log_format: "json" or "text".
    """
    if log_format == "json":
        renderer: Any = structlog.processors.JSONRenderer(serializer=_one_line)
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [_Forward(level=logging.WARNING)]
        library.setLevel(logging.WARNING)
        library.propagate = False


def _one_line(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)


class _Forward(logging.Handler):
    """A line of the standard library's logging, written as ours are."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(library=record.name).log(
            record.levelno, "library_message", text=record.getMessage(), exc_info=record.exc_info
        )
