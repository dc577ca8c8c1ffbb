"""Closed-loop load: concurrent users who send real rows and wait for each answer.

A user whose connection ends opens another and goes on. Nothing is retried: a request that fails is counted as
failed.

    python -m examples.demo.load 127.0.0.1:8080 tumour build/demo/tumour-rows.json --clients 8 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

import orjson
import uvloop
from examples.demo.client import Client, Request, make_requests
from examples.demo.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

RETRY_SECONDS = 0.05


class Load:
    """N concurrent users of one address.

    Args:
        host, port: where the router listens.
        requests: what to send, round and round; each user starts at another place.
        clients: number of concurrent users, each with a connection of its own.
        rate: requests per second of all users together, at most; None: as fast as answers come.
        timeout: seconds that a user waits for a connection or an answer.
        check_every: compare the label of every so many answers of a revision with the truth; 0: of none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        requests: Sequence[Request],
        *,
        clients: int = 8,
        rate: float | None = None,
        timeout: float = 5.0,
        check_every: int = 10,
    ) -> None:
        self._address = host, port
        self._requests = requests
        self._clients = clients
        self._rate = rate
        self._timeout = timeout
        self._check_every = check_every
        self._tally = Tally()
        self._users: list[Client] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to send, in the running event loop."""
        self._users = [self._make_user(number) for number in range(self._clients)]
        self._tasks = [asyncio.create_task(self._keep_connected(user)) for user in self._users]
        self._watch = asyncio.create_task(self._watch_for_silence())

    def snapshot(self) -> Tally:
        """What happened so far."""
        return self._tally.copy()

    async def stop(self) -> Tally:
        """Wait for the answers on their way (no longer than the timeout) and close every connection."""
        self._stopping = True
        for user in self._users:
            user.stop()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            if self._watch is not None:
                self._watch.cancel()
        return self.snapshot()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _make_user(self, number: int) -> Client:
        interval = self._clients / self._rate if self._rate else 0.0
        return Client(
            self._requests,
            number * len(self._requests) // self._clients,
            self._tally,
            check_every=self._check_every,
            interval=interval,
            start_at=asyncio.get_running_loop().time() + interval * number / self._clients,
        )

    async def _keep_connected(self, user: Client) -> None:
        connected_before = False
        while not self._stopping:
            try:
                async with asyncio.timeout(self._timeout):
                    await asyncio.get_running_loop().create_connection(lambda: user, *self._address)
            except OSError:  # a timeout is one
                self._tally.refused += 1
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._tally.reconnects += connected_before
            connected_before = True
            await user.closed.wait()
            if not user.ended_well and not self._stopping:
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch_for_silence(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._timeout / 4)
            for user in self._users:
                user.give_up_if_sent_before(loop.time() - self._timeout)


def report(tally: Tally) -> str:
    """The counts in one line for each revision, and one for what has no revision."""
    lines = [
        f"{name or '(none)'}: {counts.requests} answers, {counts.server_errors} of 5xx, "
        f"{counts.other_status} of another status"
        + ("" if counts.accuracy is None else f", {counts.accuracy:.1%} right")
        for name, counts in sorted(tally.revisions.items())
    ]
    unanswered = (
        f"lost {tally.lost}, timed out {tally.timed_out}, unreadable {tally.unreadable}, "
        f"refused {tally.refused}, reconnects {tally.reconnects}"
    )
    return "\n".join([*lines, unanswered])


async def _run(options: argparse.Namespace) -> None:
    host, _, port = options.address.rpartition(":")
    rows = orjson.loads(options.rows.read_bytes())
    requests = make_requests(options.model, rows["rows"], rows["labels"], host=options.address)
    load = Load(host, int(port), requests, clients=options.clients, rate=options.rate)
    async with load:
        await asyncio.sleep(options.seconds)
    print(report(load.snapshot()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Send real rows to a model, from several users at once.")
    parser.add_argument("address", help="host:port of the router or of a server")
    parser.add_argument("model", help="public name of the model")
    parser.add_argument("rows", type=Path, help="a rows file of examples.demo.models")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, help="requests per second, all users together")
    parser.add_argument("--seconds", type=float, default=10.0)
    uvloop.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
