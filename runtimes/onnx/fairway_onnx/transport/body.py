"""Reads a request's body within a limit of bytes and of time."""

import asyncio
from contextlib import suppress

from fairway_onnx.errors import BodyTimeoutError, BodyTooLargeError, ClientGoneError, InvalidRequestError
from fairway_onnx.rest.api import HeaderMap
from fairway_onnx.transport.asgi_types import Receive

LINGER_BYTES = 1 << 20
LINGER_SECONDS = 1.0


async def read_body(headers: HeaderMap, receive: Receive, max_bytes: int, deadline: float) -> bytes:
    """The whole body.

    Args:
        headers: lower-case names; an announced length above the limit is refused before anything is read.
        receive: gives the body piece by piece.
        max_bytes: at most this many bytes are kept, announced or not.
        deadline: loop time in seconds.

    Raises:
        BodyTooLargeError, BodyTimeoutError, ClientGoneError: as their names say.
        InvalidRequestError: content-length is not a number.
    """
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit():
        raise InvalidRequestError("content-length is not a number")
    # Twenty digits are more than any limit, and int() of a very long text is slow.
    if len(announced) > 20 or int(announced) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout_at(deadline):
            return await _read(receive, max_bytes)
    except TimeoutError:
        raise BodyTimeoutError("the body did not arrive in time") from None


async def linger(receive: Receive) -> None:
    """Take a little more of a refused body and throw it away.

    Closing at once while the client still sends would reset the connection, and the client would see the
    reset instead of the answer that explains it.
    """
    left = LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                event = await receive()
                if event["type"] != "http.request" or not event.get("more_body", False):
                    return
                left -= len(event["body"])


async def _read(receive: Receive, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise ClientGoneError("the client went away")
        piece: bytes = event.get("body", b"")
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        if not event.get("more_body", False):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {max_bytes} bytes")
