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
    json = log_format == "json"
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_one_line)
            if json
            else structlog.processors.LogfmtRenderer(),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer) if json else _text_to_stderr,
        cache_logger_on_first_use=True,
    )
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers = [_Forward(level=logging.WARNING)]
        library.setLevel(logging.WARNING)
        library.propagate = False


def _one_line(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)


def _text_to_stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


class _Forward(logging.Handler):
    """A line of the standard library's logging, written as ours are."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(library=record.name).log(
            record.levelno, "library_message", text=record.getMessage(), exc_info=record.exc_info
        )
