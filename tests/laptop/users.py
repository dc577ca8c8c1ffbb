"""Users of a model at full speed, and what they may complain about."""

from __future__ import annotations

from examples.demo.client import make_requests
from examples.demo.load import Load, report
from examples.demo.tally import Tally

from . import models


def users(port: int, *, clients: int = 8, name: str = "fraud") -> Load:
    """Clients that send all rows round and round; one that fails is counted and not sent again."""
    rows = models.rows()
    requests = make_requests(name, rows, [0] * len(rows))
    return Load("127.0.0.1", port, requests, clients=clients, check_every=0)


def complaints(tally: Tally, bad: set[str] | frozenset[str] = frozenset()) -> int:
    """Failed requests and connections that no bad model is to blame for."""
    return tally.failures - sum(tally.revisions[name].failures for name in bad if name in tally.revisions)


def words(tally: Tally) -> str:
    return report(tally)
