"""One user on a keep-alive connection: a request, its answer, the next request.

All of it happens in the callbacks of the connection, without a task switch, because the load shares its cores
with what it loads.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson
from examples.demo.errors import UnreadableAnswerError
from examples.demo.http1 import encode_post, parse_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from examples.demo.http1 import Answer
    from examples.demo.tally import Tally


@dataclass(frozen=True)
class Request:
    """The bytes to send, and the label that a right answer has (None: not known)."""

    wire: bytes
    label: int | None = None


def make_requests(
    model: str, rows: Sequence[Sequence[float]], labels: Sequence[int], host: str = "localhost"
) -> list[Request]:
    """One inference request (Open Inference Protocol v2, JSON) for each row.

    Args:
        model: its public name.
        rows: shape (rows, features).
        labels: the true class of each row.
        host: what the Host header says.
    """
    path = f"/v2/models/{model}/infer"
    return [
        Request(encode_post(host, path, _infer_body(row)), label)
        for row, label in zip(rows, labels, strict=True)
    ]


def _infer_body(row: Sequence[float]) -> bytes:
    tensor = {"name": "X", "shape": [1, len(row)], "datatype": "FP32", "data": list(row)}
    return orjson.dumps({"inputs": [tensor]})


def answered_label(body: bytes) -> int | None:
    """The first element of the output `label`; None when there is no such thing."""
    try:
        outputs = orjson.loads(body)["outputs"]
        return next((int(output["data"][0]) for output in outputs if output["name"] == "label"), None)
    except (ValueError, LookupError, TypeError):
        return None


class Client(asyncio.Protocol):
    """Walks round the requests from `position` on; a failed one is not sent again, the next one is.

    Args:
        requests: at least one.
        position: index of the first request.
        tally: where to count.
        check_every: compare the label of every so many answers with the truth; 0: of none.
        interval: seconds from one request to the next, at least; 0: as fast as answers come.
        start_at: when the first request is due, on the clock of the running loop.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        position: int,
        tally: Tally,
        *,
        check_every: int,
        interval: float,
        start_at: float,
    ) -> None:
        self.closed = asyncio.Event()
        self.ended_well = False  # the server said that it would close, after an answer
        self._requests = requests
        self._position = position  # of the request to send next
        self._request = requests[position]
        self._tally = tally
        self._check_every = check_every
        self._interval = interval
        self._due = start_at
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sent_at: float | None = None  # None: no request is on its way
        self._received = b""
        self._stopping = False

    def stop(self) -> None:
        """Wait for the answer on its way, if any, and close."""
        self._stopping = True
        if self._sent_at is None and self._transport is not None:
            self._transport.close()

    def give_up_if_sent_before(self, moment: float) -> None:
        """Count a request sent before `moment` as timed out and drop its connection."""
        if self._sent_at is not None and self._sent_at < moment:
            self._tally.timed_out += 1
            self._drop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.closed.clear()
        self.ended_well = False
        self._received = b""
        self._send_when_due()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason changes nothing
        if self._sent_at is not None:
            self._sent_at = None
            self._tally.lost += 1
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        if self._sent_at is None:  # nobody asked
            self._drop()
            return
        data = self._received + data if self._received else data
        try:
            answer = parse_answer(data)
        except UnreadableAnswerError:
            self._tally.unreadable += 1
            self._drop()
            return
        if answer is None:
            self._received = data
            return
        self._received = b""
        self._sent_at = None
        self._count(answer, data)
        if answer.close:
            self.ended_well = True
            self._drop()
        else:
            self._send_when_due()

    def _count(self, answer: Answer, data: bytes) -> None:
        counts = self._tally.answer(answer.revision, answer.status)
        if answer.status == 200 and self._check_every and counts.requests % self._check_every == 0:
            counts.checked += 1
            counts.right += self._request.label == answered_label(data[answer.body :])

    def _send_when_due(self) -> None:
        if self._stopping:
            self._drop()
        elif not self._interval:
            self._send()
        else:
            now = self._loop.time()
            self._due = max(self._due, now)
            self._timer = self._loop.call_at(self._due, self._send)
            self._due += self._interval

    def _send(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._request = self._requests[self._position]
            self._position = (self._position + 1) % len(self._requests)
            self._sent_at = self._loop.time()
            self._transport.write(self._request.wire)

    def _drop(self) -> None:
        self._sent_at = None
        if self._transport is not None:
            self._transport.abort()
