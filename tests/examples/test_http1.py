"""Answers are read from any bytes that a connection may deliver."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from examples.demo.errors import UnreadableAnswerError
from examples.demo.http1 import Answer, encode_post, parse_answer

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-fairway-revision: 4f2A\r\n\r\n{}"


def test_reads_status_revision_and_where_the_body_starts() -> None:
    assert parse_answer(WHOLE) == Answer(200, "4f2A", close=False, body=len(WHOLE) - 2)


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_waits_for_the_rest_wherever_the_bytes_are_cut(length: int) -> None:
    assert parse_answer(WHOLE[:length]) is None


@dataclass(frozen=True)
class Case:
    why: str
    given: bytes
    want: tuple[int, str, bool]


READABLE = [
    Case(
        "header names in any case",
        b"HTTP/1.1 200 OK\r\nContent-LENGTH:0\r\nX-Fairway-Revision:a\r\n",
        (200, "a", False),
    ),
    Case("no revision", b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n", (503, "", False)),
    Case(
        "the server will close",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n",
        (200, "", True),
    ),
    Case("no reason phrase", b"HTTP/1.1 429\r\ncontent-length: 0\r\n", (429, "", False)),
]
UNREADABLE = {
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "no length": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n",
    "more than one answer": WHOLE + WHOLE,
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
}


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.why)
def test_reads_every_answer_with_a_length(case: Case) -> None:
    answer = parse_answer(case.given + b"\r\n")
    assert answer is not None
    assert (answer.status, answer.revision, answer.close) == case.want


@pytest.mark.parametrize("given", UNREADABLE.values(), ids=UNREADABLE)
def test_refuses_what_it_cannot_count(given: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        parse_answer(given)


def test_a_request_says_its_length_and_where_it_goes() -> None:
    assert encode_post("a:1", "/v2/x", b"{}") == (
        b"POST /v2/x HTTP/1.1\r\nhost: a:1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )
