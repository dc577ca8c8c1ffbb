"""The watches, on a real API server."""

from __future__ import annotations

import asyncio
import getpass

import pytest
from e2e.cluster.apiserver import Apiserver

from fairway.adapters.kube.kinds import CONFIG_MAP
from fairway.controller.connection import load_connection
from fairway.controller.watch import Watcher

WITHIN = 15


# kopf's loop ends with connections open that nobody closes any more.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_user_without_a_name_can_watch(cluster: Apiserver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a pod: no /etc/passwd of any image has its uid."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", nameless)
    saw, restarts = asyncio.Event(), []
    watcher = Watcher(
        load_connection(str(cluster.kubeconfig("admin"))),
        {CONFIG_MAP: ""},
        ("kube-system",),
        lambda *_: saw.set(),
        lambda: restarts.append("again"),
    )
    watcher.start()
    try:
        await asyncio.wait_for(saw.wait(), WITHIN)
    finally:
        await watcher.close()
    assert not restarts
