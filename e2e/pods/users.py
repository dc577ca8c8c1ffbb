"""Users of one model: a bounded number of requests at a bounded rate, and what became of each.

    python -m e2e.pods.users fraud.team-a:80 --model fraud --rate 200 --requests 10000

Prints one JSON object a second, and a last one with "done": true after so many requests or on SIGTERM.
`unanswered` counts what has no status: a lost connection, no answer in time, a refused connection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

import uvloop
from examples.demo.client import make_requests
from examples.demo.load import Load
from examples.demo.tally import Tally

ROWS = [[float(index), 0.5] for index in range(100)]
"""What is sent, round and round: X, FP32, shape (1, 2)."""


async def _send(asked: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, _, port = asked.address.rpartition(":")
    requests = make_requests(asked.model, ROWS, [0] * len(ROWS), host=asked.address)
    load = Load(
        host,
        int(port),
        requests,
        clients=asked.clients,
        rate=asked.rate,
        timeout=asked.timeout,
        check_every=0,
    )
    async with load:
        while not stop.is_set() and load.snapshot().requests < asked.requests:
            _say(counts(load.snapshot()))
            try:
                await asyncio.wait_for(stop.wait(), 1.0)
            except TimeoutError:
                continue
    _say({**counts(load.snapshot()), "done": True})


def counts(tally: Tally) -> dict[str, Any]:
    """The tally as JSON: requests, those that failed, by revision, and those without an answer."""
    return {
        "requests": tally.requests,
        "failed": tally.failures,
        "revisions": {
            name: {"requests": one.requests, "failed": one.failures} for name, one in tally.revisions.items()
        },
        "unanswered": {name: getattr(tally, name) for name in ("lost", "timed_out", "unreadable", "refused")},
        "reconnects": tally.reconnects,
    }


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address", help="host:port")
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, default=100.0, help="requests per second, all users together")
    parser.add_argument("--requests", type=int, default=100_000, help="at most so many")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds that a user waits")
    uvloop.run(_send(parser.parse_args()))


if __name__ == "__main__":
    main()
