"""Binds the address and tells it to whoever started the process."""

import os
import socket
from pathlib import Path

import orjson

from fairway_onnx.errors import AddressFileError, AddressUnavailableError

BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; clients may connect from now on and wait until they are accepted.

    Raises:
        AddressUnavailableError: the address is taken, not ours, or no address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressUnavailableError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def write_address(path: Path, listener: socket.socket) -> None:
    """Write host, port and process id as JSON; a reader sees the whole file or none.

    Raises:
        AddressFileError: the file cannot be written.
    """
    host, port = listener.getsockname()[:2]
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(orjson.dumps({"host": host, "port": port, "pid": os.getpid()}))
        unfinished.replace(path)
    except OSError as error:
        raise AddressFileError(f"cannot write the address file {path}: {error.strerror}") from error
