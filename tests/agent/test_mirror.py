"""A mirror comes back from everything an API server, or the network before it, may do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.scripted_api import Script, ScriptedApi, scripted_api
from envoy_support import eventually, free_port
from fairway.agent.kube_api import MAX_LINE, Collection, KubeApi
from fairway.agent.mirror import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, Mirror, backoff_seconds

QUIET_SECONDS = 0.3
PATH = "/api/v1/namespaces/shop/configmaps"


@contextlib.asynccontextmanager
async def mirrored(url: str) -> AsyncIterator[Mirror[str]]:
    api = KubeApi(url, Path("/nowhere"), QUIET_SECONDS)
    found = Mirror(api, Collection(PATH, "a=b"), lambda content: content["data"].get("say"), lambda: None)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(mirror: Mirror[str], want: dict[str, str]) -> None:
    await eventually(lambda: mirror.objects == want, why=f"{mirror.objects} becomes {want}")


async def test_it_follows_what_is_added_changed_and_deleted() -> None:
    async def script(api: ScriptedApi, stream: web.StreamResponse) -> None:
        await api.send(stream, "ADDED", {"metadata": {"name": "b"}, "data": {"say": "two"}})
        await api.send(stream, "MODIFIED", {"metadata": {"name": "a"}, "data": {"say": "new"}})
        await api.send(stream, "BOOKMARK", {"metadata": {"resourceVersion": "9"}})
        await api.over.wait()

    async with scripted_api() as api:
        api.put("a", say="old")
        api.watch_scripts.append(script)
        async with mirrored(api.url) as mirror:
            await settled(mirror, {"a": "new", "b": "two"})
            assert mirror.complete.is_set()
            assert api.queries[0]["labelSelector"] == "a=b"
            assert api.queries[1]["resourceVersion"] == "1"
            assert api.queries[1]["allowWatchBookmarks"] == "true"


async def test_what_the_parser_has_no_use_for_is_not_kept() -> None:
    async with scripted_api() as api:
        api.put("a", say="yes")
        api.put("b")
        async with mirrored(api.url) as mirror:
            await settled(mirror, {"a": "yes"})


def _say(*lines: bytes) -> Script:
    async def script(_: ScriptedApi, stream: web.StreamResponse) -> None:
        for line in lines:
            await stream.write(line)

    return script


@dataclass(frozen=True)
class Fault:
    why: str
    script: Script


FAULTS = [
    Fault("it ends at once", _say()),
    Fault("the version is gone", _say(b'{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n')),
    Fault("the server fails", _say(b'{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n')),
    Fault("it is cut in the middle of an event", _say(b'{"type":"ADDED","object":{"meta')),
    Fault("it is a page of a proxy", _say(b"<html>sign in</html>\n")),
    Fault("an object has no name", _say(b'{"type":"ADDED","object":{"metadata":{}}}\n')),
    Fault("an event has no object", _say(b'{"type":"ADDED"}\n')),
    Fault(
        "an object is not what the parser expects",
        _say(b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n'),
    ),
    Fault("a line never ends", _say(b"x" * (MAX_LINE + 1))),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.why)
async def test_a_watch_that_fails_is_begun_again_with_a_list(fault: Fault) -> None:
    """Whatever was missed meanwhile is in the list."""
    async with scripted_api() as api:
        api.put("a", say="old")

        async def fail(_: ScriptedApi, stream: web.StreamResponse) -> None:
            api.put("a", say="missed")
            await fault.script(api, stream)

        api.watch_scripts.append(fail)
        async with mirrored(api.url) as mirror:
            await settled(mirror, {"a": "missed"})
            assert mirror.complete.is_set()


async def test_a_silent_watch_is_taken_for_dead() -> None:
    """A connection that a firewall has forgotten says nothing at all, for ever."""
    async with scripted_api() as api:
        api.put("a", say="old")

        async def forget(_: ScriptedApi, __: web.StreamResponse) -> None:
            api.put("a", say="missed")
            await api.over.wait()

        api.watch_scripts.append(forget)
        async with mirrored(api.url) as mirror:
            await settled(mirror, {"a": "missed"})


@pytest.mark.parametrize("fault", [401, 403, 404, 410, 429, 500, 503, 301, "<html>", "[]", "{}"])
async def test_a_list_that_fails_is_asked_for_again_and_changes_nothing(fault: int | str) -> None:
    async with scripted_api() as api:
        api.put("a", say="yes")
        api.list_faults.extend([fault, fault])
        async with mirrored(api.url) as mirror:
            await settled(mirror, {"a": "yes"})
            assert api.lists >= 3


async def test_it_waits_for_an_api_that_is_not_there_yet() -> None:
    async with mirrored(f"http://127.0.0.1:{free_port()}") as mirror:
        await asyncio.sleep(0)
        assert not mirror.complete.is_set()
        assert mirror.objects == {}


async def test_a_server_that_ends_every_watch_at_once_is_not_flooded() -> None:
    """A broken proxy must not be asked a thousand times a second by every router."""
    async with scripted_api() as api:
        api.watch_scripts.extend([_say()] * 50)
        async with mirrored(api.url):
            await eventually(lambda: api.watches >= 4, why="it asks again")
            before, clock = api.watches, asyncio.get_running_loop().time
            began = clock()
            await eventually(lambda: api.watches > before, why="and again")
            assert clock() - began > FIRST_BACKOFF_SECONDS


def test_the_waits_grow_are_bounded_and_are_spread() -> None:
    longest = [backoff_seconds(failures, 1.0) for failures in range(20)]
    assert longest == sorted(longest)
    assert longest[-1] == LONGEST_BACKOFF_SECONDS
    assert backoff_seconds(10**6, 0.0) == LONGEST_BACKOFF_SECONDS / 2


async def test_a_list_of_many_pages_is_one_list() -> None:
    pages: list[dict[str, Any]] = [
        {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]},
        {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]},
    ]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(pages[1 if request.query.get("continue") == "more" else 0])

    app = web.Application()
    app.router.add_get(PATH, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        api = KubeApi(f"http://127.0.0.1:{runner.addresses[0][1]}", Path("/nowhere"), QUIET_SECONDS)
        async with api.connect() as conversation:
            items, version = await conversation.list(Collection(PATH, ""))
    finally:
        await runner.cleanup()
    assert ([one["metadata"]["name"] for one in items], version) == (["a", "b"], "7")
