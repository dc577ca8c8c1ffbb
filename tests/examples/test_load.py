"""The load generator counts what happened: nothing twice, nothing lost, and it never hangs."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from examples.demo.answers import ask_row_by_row
from examples.demo.client import answered_label, make_requests
from examples.demo.load import Load, report
from examples.demo.tally import Tally

from examples.scripted_server import Instead, Reply, reply, serving, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from examples.demo.models import Report

ROWS = make_requests("tumour", [[float(row)] * 3 for row in range(6)], [0] * 6)


def _row(body: bytes) -> int:
    return int(json.loads(body)["inputs"][0]["data"][0])


async def test_every_answer_is_counted_once_under_its_revision() -> None:
    """The server's own counts are the truth; nobody is left without an answer at the end."""
    sent: Counter[str] = Counter()

    def script(number: int, _: bytes) -> Reply:
        revision = "canary" if number % 10 == 0 else "stable"
        sent[revision] += 1
        return reply(revision=revision)

    async with serving(script) as server, Load("127.0.0.1", server.port, ROWS) as load:
        await until(lambda: load.snapshot().requests >= 500)
        tally = await load.stop()
    assert {name: counts.requests for name, counts in tally.revisions.items()} == sent
    assert (tally.requests, tally.failures, tally.reconnects) == (len(server.bodies), 0, 0)


async def test_failures_are_counted_by_kind_and_by_revision() -> None:
    sent: Counter[int] = Counter()

    def script(number: int, _: bytes) -> Reply:
        status = (200, 500, 503, 429)[number % 4]
        sent[status] += 1
        return reply(status, revision="a")

    async with serving(script) as server, Load("127.0.0.1", server.port, ROWS) as load:
        await until(lambda: load.snapshot().requests >= 100)
        tally = await load.stop()
    counts = tally.revisions["a"]
    assert (counts.server_errors, counts.other_status) == (sent[500] + sent[503], sent[429])
    assert tally.failures == sent.total() - sent[200]


async def test_a_broken_connection_is_one_lost_request_and_one_reconnect() -> None:
    """The lost request is not sent again: a retry would hide the failure of a user."""

    def script(number: int, _: bytes) -> Reply:
        return Instead.HANG_UP if number == 7 else reply()

    async with serving(script) as server, Load("127.0.0.1", server.port, ROWS, clients=1) as load:
        await until(lambda: load.snapshot().requests >= 20)
        tally = await load.stop()
    assert (tally.lost, tally.reconnects, tally.failures) == (1, 1, 1)
    assert tally.requests == len(server.bodies)
    assert [_row(body) for body in server.bodies] == [number % 6 for number in range(len(server.bodies))]


async def test_a_server_that_says_it_will_close_is_no_failure() -> None:
    """Envoy drains a listener like this whenever its configuration changes."""
    async with (
        serving(lambda _, __: reply(close=True)) as server,
        Load("127.0.0.1", server.port, ROWS, clients=2) as load,
    ):
        await until(lambda: load.snapshot().requests >= 20)
        tally = await load.stop()
    assert tally.failures == 0
    assert tally.reconnects >= 18
    assert tally.requests == len(server.bodies)


async def test_an_idle_connection_that_ends_is_replaced_without_a_failure() -> None:
    """Only a request on its way can be lost."""
    async with (
        serving(lambda _, __: reply()) as server,
        Load("127.0.0.1", server.port, ROWS, clients=1, rate=20) as load,
    ):
        await until(lambda: load.snapshot().requests == 1)
        server.connections[0].abort()
        await until(lambda: load.snapshot().requests >= 3)
        tally = await load.stop()
    assert (tally.reconnects, tally.failures) == (1, 0)


async def test_an_answer_in_pieces_is_one_answer() -> None:
    def script(_: int, __: bytes) -> Reply:
        whole = reply(revision="a")[0]
        return [whole[:10], whole[10:40], whole[40:-3], whole[-3:]]

    async with serving(script) as server, Load("127.0.0.1", server.port, ROWS, clients=2) as load:
        await until(lambda: load.snapshot().requests >= 10)
        tally = await load.stop()
    assert tally.revisions["a"].requests == tally.requests == len(server.bodies)


async def test_an_unreadable_answer_is_a_failure_of_its_own() -> None:
    def script(number: int, _: bytes) -> Reply:
        return [b"ICY 200 OK\r\n\r\n"] if number == 3 else reply()

    async with serving(script) as server, Load("127.0.0.1", server.port, ROWS, clients=1) as load:
        await until(lambda: load.snapshot().requests >= 8)
        tally = await load.stop()
    assert (tally.unreadable, tally.lost, tally.reconnects, tally.failures) == (1, 0, 1, 1)


async def test_a_server_that_never_answers_times_out_and_does_not_hold_up_the_stop() -> None:
    async with serving(lambda _, __: Instead.SILENCE) as server:
        load = Load("127.0.0.1", server.port, ROWS, clients=3, timeout=0.1)
        load.start()
        await until(lambda: load.snapshot().timed_out >= 6)
        async with asyncio.timeout(2):
            tally = await load.stop()
    assert tally.timed_out == tally.failures == len(server.bodies)
    assert tally.lost == 0


async def test_nobody_listening_is_refused_and_does_not_hold_up_the_stop() -> None:
    load = Load("127.0.0.1", _closed_port(), ROWS, clients=2)
    load.start()
    await until(lambda: load.snapshot().refused >= 4)
    async with asyncio.timeout(2):
        tally = await load.stop()
    assert (tally.requests, tally.failures) == (0, tally.refused)


async def test_the_load_goes_on_when_a_server_comes_up_late() -> None:
    port = _closed_port()
    async with Load("127.0.0.1", port, ROWS, clients=1) as load:
        await until(lambda: load.snapshot().refused >= 1)
        async with serving(lambda _, __: reply(), port):
            await until(lambda: load.snapshot().requests >= 5)
            tally = await load.stop()
    assert (tally.reconnects, tally.lost) == (0, 0)


async def test_users_start_at_different_rows_and_send_all_of_them() -> None:
    async with (
        serving(lambda _, __: reply()) as server,
        Load("127.0.0.1", server.port, ROWS, clients=3) as load,
    ):
        await until(lambda: load.snapshot().requests >= 60)
        await load.stop()
    assert {_row(body) for body in server.bodies[:3]} == {0, 2, 4}
    assert {_row(body) for body in server.bodies} == set(range(6))


async def test_a_rate_is_not_exceeded() -> None:
    began = time.monotonic()
    async with (
        serving(lambda _, __: reply()) as server,
        Load("127.0.0.1", server.port, ROWS, clients=4, rate=200) as load,
    ):
        await until(lambda: load.snapshot().requests >= 60)
        tally = await load.stop()
    assert tally.requests <= 200 * (time.monotonic() - began) + 1


async def test_accuracy_is_measured_on_a_sample_for_each_revision() -> None:
    def script(number: int, _: bytes) -> Reply:
        return reply(revision="right", label=0) if number % 2 else reply(revision="wrong", label=1)

    async with (
        serving(script) as server,
        Load("127.0.0.1", server.port, ROWS, clients=1, check_every=5) as load,
    ):
        await until(lambda: load.snapshot().requests >= 100)
        tally = await load.stop()
    right, wrong = tally.revisions["right"], tally.revisions["wrong"]
    assert (right.accuracy, wrong.accuracy) == (1.0, 0.0)
    assert right.checked == right.requests // 5


async def test_a_snapshot_does_not_change_afterwards() -> None:
    async with serving(lambda _, __: reply()) as server, Load("127.0.0.1", server.port, ROWS) as load:
        await until(lambda: load.snapshot().requests >= 1)
        before = load.snapshot()
        seen = before.requests
        await until(lambda: load.snapshot().requests > seen)
        assert before.requests == seen


def test_a_request_is_an_inference_of_one_row() -> None:
    """Shape and type are those of the Open Inference Protocol v2."""
    head, _, body = make_requests("tumour", [[17.99, 10.38]], [1], host="a:1")[0].wire.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/models/tumour/infer HTTP/1.1\r\n")
    tensor = {"name": "X", "shape": [1, 2], "datatype": "FP32", "data": [17.99, 10.38]}
    assert json.loads(body) == {"inputs": [tensor]}


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"outputs":[{"name":"label","data":[]}]}', b'{"outputs":[{"name":"score"}]}'],
)
def test_a_body_without_a_label_has_no_label(body: bytes) -> None:
    assert answered_label(body) is None


def test_the_report_names_failures_and_accuracy() -> None:
    tally = Tally(lost=2)
    tally.answer("a", 500)
    tally.revisions["a"].checked, tally.revisions["a"].right = 4, 3
    assert report(tally).splitlines() == [
        "a: 1 answers, 1 of 5xx, 0 of another status, 75.0% right",
        "lost 2, timed out 0, unreadable 0, refused 0, reconnects 0",
    ]


async def test_a_real_server_fails_exactly_the_rows_that_v3_cannot_answer(
    reports: dict[str, Report], tmp_path: Path
) -> None:
    """One user walks through the later rows, a little further than once round."""
    v3 = reports["tumour-v3"].path
    held_out = orjson.loads((v3.parent / "tumour-rows.json").read_bytes())
    rows, labels = held_out["rows"], held_out["labels"]
    known = ask_row_by_row(v3.read_bytes(), np.array(rows, np.float32))
    requests = make_requests("tumour", rows, labels)
    async with (
        _onnx_server(v3, tmp_path) as port,
        Load("127.0.0.1", port, requests, clients=1, check_every=1) as load,
    ):
        await until(lambda: load.snapshot().requests >= len(rows))
        tally = await load.stop()
    walked = [number % len(rows) for number in range(tally.requests)]
    counts = tally.revisions[""]
    assert counts.server_errors == tally.failures == sum(row in known.errors for row in walked)
    assert counts.checked == counts.requests - counts.failures
    assert counts.right == sum(known.labels[row] == labels[row] for row in walked)


@asynccontextmanager
async def _onnx_server(model: Path, folder: Path) -> AsyncIterator[int]:
    address = folder / "address.json"
    arguments = ["--model", model, "--name", "tumour", "--port", "0", "--address-file", address]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fairway_onnx", *map(str, arguments), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(address.exists)  # bound, and still loading
        port = json.loads(address.read_text())["port"]
        await until(lambda: _is_ready(port))
        yield port
    finally:
        process.terminate()
        await process.wait()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
