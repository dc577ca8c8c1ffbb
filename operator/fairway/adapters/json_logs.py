"""One JSON object a line on standard error, for the small programs that run in pods."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_json_logs() -> None:
    """Set up structlog; of the libraries only warnings are shown."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
