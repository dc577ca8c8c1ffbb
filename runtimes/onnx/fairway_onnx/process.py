"""One server process from its command line to its exit code.

Exit codes: 0 stopped, 1 a fault of ours, 2 wrong usage, 3 the model cannot be served,
4 the address cannot be bound, 5 the device is not there.
"""

import asyncio
import os
from collections.abc import Sequence

import structlog
import uvloop

from fairway_onnx.errors import FatalError
from fairway_onnx.logs import configure_logging
from fairway_onnx.serve import serve
from fairway_onnx.settings import Settings, parse_settings
from fairway_onnx.termination import write_termination_log
from fairway_onnx.transport.listener import bind, write_address

log = structlog.get_logger()


def run(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit code.

    Raises:
        SystemExit: wrong usage, code 2.
    """
    settings = parse_settings(arguments, os.environ)
    configure_logging(settings.log_format)
    try:
        listener = bind(settings.host, settings.port)
        if settings.address_file is not None:
            write_address(settings.address_file, listener)
        log.info("listening", host=settings.host, port=listener.getsockname()[1], model=settings.name)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, listener))
    except FatalError as error:
        return _give_up(settings, error.exit_code, error.reason, error)
    except Exception as error:
        log.exception("crashed")
        return _give_up(settings, 1, "Internal", error)
    return 0


def _give_up(settings: Settings, exit_code: int, reason: str, error: Exception) -> int:
    log.error("cannot_serve", reason=reason, message=str(error), cause=repr(error.__cause__))
    if settings.termination_log is not None:
        try:
            write_termination_log(settings.termination_log, reason, str(error))
        except OSError as failure:
            log.warning("termination_log_not_written", cause=repr(failure))
    return exit_code
