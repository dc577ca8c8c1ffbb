"""The little of HTTP/1.1 (RFC 9112) that a load generator needs, on bytes alone.

One request is on a connection at a time, and every answer says its length. Chunked answers are not known: an
inference server has its answer whole before it sends the first byte.
"""

from __future__ import annotations

from typing import NamedTuple

from examples.demo.errors import UnreadableAnswerError

_REVISION = b"\r\nx-fairway-revision:"
_LENGTH = b"\r\ncontent-length:"
_CLOSE = b"\r\nconnection: close"
_LONGEST_HEAD = 65_536


class Answer(NamedTuple):
    """A whole answer: `body` is where its body starts in the data; `close` ends the connection after it."""

    status: int
    revision: str
    close: bool
    body: int


def encode_post(host: str, path: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON; `host` is what the Host header says."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def parse_answer(data: bytes) -> Answer | None:
    """Read the one answer that `data` starts with; None while bytes are missing.

    Raises:
        UnreadableAnswerError: no HTTP/1.1, no length, or more bytes than one answer.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > _LONGEST_HEAD:
            raise UnreadableAnswerError("the head of the answer does not end")
        return None
    if not data.startswith(b"HTTP/1.1 "):
        raise UnreadableAnswerError(f"not an HTTP/1.1 answer: {data[:20]!r}")
    head = data[: end + 2].lower()
    try:
        status, length = int(head[9:12]), int(_field(head, head, _LENGTH))
    except ValueError as error:
        raise UnreadableAnswerError(f"no status or no length in {head[:200]!r}") from error
    body = end + 4
    missing = body + length - len(data)
    if missing < 0:
        raise UnreadableAnswerError(f"{-missing} bytes after the answer")
    if missing:
        return None
    return Answer(status, _field(data, head, _REVISION).decode("latin-1"), _CLOSE in head, body)


def _field(data: bytes, head: bytes, name: bytes) -> bytes:
    """The value of a header, taken from `data`; `head` is the same in lower case; b"" when absent."""
    start = head.find(name)
    if start < 0:
        return b""
    start += len(name)
    return data[start : head.index(b"\r\n", start)].strip()
