"""Installations that lack something: the operator says what, and who has to do what about it.

What admission cannot know of a model is a condition within five seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.fixtures import running
from e2e.cluster.rest import Api

from controller.accounts import LEASE, install
from controller.control_plane import CRD, CRDS
from controller.proxy import FaultProxy, fault_proxy, until
from controller.world import World, a_world, manifest, ticks
from fairway.controller.app import OperatorApp
from fairway.render.rbac import operator_rights
from fairway.render.rights import Right

SECONDS = 5.0


async def readiness(app: OperatorApp) -> tuple[int, str]:
    """What `/readyz` answers."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.http_port}/readyz") as answer,
    ):
        return answer.status, await answer.text()


async def until_ready(app: OperatorApp, status: int, word: str, seconds: float = 40.0) -> None:
    """Wait for this answer of `/readyz`."""
    await until(lambda: app.http_port is not None, "it listens")
    found: tuple[int, str] = (0, "")
    try:
        async with asyncio.timeout(seconds):
            while found[0] != status or word not in found[1]:
                await asyncio.sleep(0.05)
                found = await readiness(app)
    except TimeoutError:
        raise AssertionError(f"not {status} with {word!r} but {found}") from None


async def test_without_its_crd_the_operator_says_what_to_install_and_waits(tmp_path: Path) -> None:
    """Then it serves, without being started anew."""
    with running(tmp_path / "bare") as bare:
        async with (
            a_world(bare.kubeconfig("admin"), tmp_path) as world,
            world.proxy() as proxy,
            world.operator(proxy) as app,
        ):
            await until_ready(app, 503, "does not know modeldeployments.fairway.dev: install Fairway's CRD")
            api = Api.of(bare.kubeconfig("admin"))
            assert api.post(CRDS, CRD).status == 201
            api.close()
            await until_ready(app, 200, "ok")
            await until_served(world)
            await world.create("modeldeployments", manifest("a"))
            await world.until_status(lambda s: s.get("phase") == "Provisioning", "it is worked on")


async def until_served(world: World) -> None:
    async with asyncio.timeout(20):
        while (await world.ask("GET", world.path("modeldeployments"))).status != 200:
            await asyncio.sleep(0.05)


async def test_without_the_namespace_of_its_lease_the_operator_names_it_and_waits(
    world: World, proxy: FaultProxy
) -> None:
    home = f"home-of-{world.namespace}"
    async with world.operator(proxy, lease_namespace=home) as app:
        await until_ready(app, 503, f"there is no namespace {home} for the lease")
        assert proxy.writes == []
        body = {"metadata": {"name": home}}
        assert (await world.ask("POST", "/api/v1/namespaces", body)).status == 201
        await until_ready(app, 200, "ok")
        await until(lambda: app.leader.leads, "it leads")


def without(group: str, resource: str, verb: str) -> tuple[Right, ...]:
    """All rights of the operator but one verb."""
    fewer = (
        replace(right, verbs=tuple(one for one in right.verbs if one != verb))
        if (right.group, right.resource) == (group, resource)
        else right
        for right in operator_rights()
    )
    return tuple(right for right in fewer if right.verbs)


async def test_a_right_to_look_that_is_missing_makes_the_operator_unready(
    cluster: Apiserver, world: World
) -> None:
    home = f"ops-{world.namespace}"
    account = install(cluster, world, home, without("", "pods", "list"), everywhere=False)
    async with (
        fault_proxy(account, world.folder) as proxy,
        world.operator(proxy, lease_namespace=home, lease_name=LEASE) as app,
    ):
        words = f"let the operator's account list and watch pods in namespace {world.namespace}"
        await until_ready(app, 503, words)
        assert proxy.writes == []


@pytest.mark.parametrize(
    ("group", "resource", "condition", "word"),
    [
        ("apps", "deployments", "Available", "cannot patch resource"),
        ("", "configmaps", "Stalled", "cannot patch resource"),
        ("rbac.authorization.k8s.io", "roles", "Stalled", "cannot patch resource"),
    ],
)
async def test_a_right_to_write_that_is_missing_is_named_in_the_status(
    cluster: Apiserver, world: World, group: str, resource: str, condition: str, word: str
) -> None:
    home = f"ops-{world.namespace}"
    account = install(cluster, world, home, without(group, resource, "patch"), everywhere=False)
    async with (
        fault_proxy(account, world.folder) as proxy,
        world.operator(proxy, lease_namespace=home, lease_name=LEASE) as app,
    ):
        await until(lambda: app.leader.leads and app.mirror.synced.is_set(), "it works")
        await world.create("modeldeployments", manifest("a"))
        status = await world.until_status(
            lambda s: word in message(s, condition), f"{condition} says so", SECONDS
        )
    assert resource in message(status, condition)


async def test_a_right_to_the_status_that_is_missing_is_told_as_an_event(
    cluster: Apiserver, world: World
) -> None:
    """Where else: the status is just what cannot be written."""
    home = f"ops-{world.namespace}"
    rights = without("fairway.dev", "modeldeployments/status", "update")
    account = install(cluster, world, home, rights, everywhere=False)
    await world.create("modeldeployments", manifest("a"))
    async with (
        fault_proxy(account, world.folder) as proxy,
        world.operator(proxy, lease_namespace=home, lease_name=LEASE),
    ):
        async with asyncio.timeout(20):
            while not any("cannot update resource" in e["message"] for e in await world.list("events")):
                await asyncio.sleep(0.05)
    assert await world.names("deployments") == set(), "nothing is done that was not stored"


async def test_in_a_namespace_that_is_being_deleted_nothing_is_made(world: World, proxy: FaultProxy) -> None:
    """Somebody's finalizer keeps the model, and with it the namespace."""
    await world.create("modeldeployments", manifest("a", finalizers=["example.com/hold"]))
    async with world.operator(proxy, lease_namespace="default", lease_name=world.namespace) as app:
        stable = (await world.until_live("a"))["stable"]
        assert (await world.ask("DELETE", f"/api/v1/namespaces/{world.namespace}")).status == 200
        await world.until_object(
            "modeldeployments", "fraud", lambda found: "deletionTimestamp" in found["metadata"]
        )
        await world.until_gone("deployments", stable)
        proxy.calls.clear()
        looked = ticks(app)
        for key in app._everything():
            app._add(key)
        await until(lambda: app.metrics.depth() == 0, "it has looked")
        assert proxy.writes == []
        assert ticks(app) == looked
        await world.change("modeldeployments", "fraud", {"metadata": {"finalizers": None}})
        await world.until_gone("modeldeployments", "fraud")


async def test_a_namespace_that_goes_while_a_model_comes_is_named(world: World, proxy: FaultProxy) -> None:
    """The API server makes nothing new in it, and says so in the model's status as long as that is there."""
    hold = {"metadata": {"name": "hold", "finalizers": ["example.com/hold"]}}
    await world.create("configmaps", hold)
    async with world.operator(proxy, lease_namespace="default", lease_name=world.namespace) as app:
        await until(lambda: app.leader.leads and app.mirror.synced.is_set(), "it works")
        deleted: list[bool] = []

        async def delete_first(call: Any) -> None:
            if call.is_write and call.method == "PATCH" and not deleted:
                deleted.append(True)
                assert (await world.ask("DELETE", f"/api/v1/namespaces/{world.namespace}")).status == 200

        proxy.delay = delete_first
        await world.create("modeldeployments", manifest("a"))
        await world.until_gone("modeldeployments", "fraud")
        assert deleted
        await until(lambda: app.metrics.depth() == 0, "it rests")
    assert await world.names("deployments") == set()
    await world.change("configmaps", "hold", {"metadata": {"finalizers": None}})


async def test_a_name_that_is_too_long_is_refused_with_the_limit(world: World) -> None:
    """253 characters are a name for Kubernetes; what is derived from it would be none."""
    answer = await world.ask("POST", world.path("modeldeployments"), manifest("a", "x" * 253))
    assert answer.status == 422
    assert "at most 40 characters" in answer.body["message"]


@pytest.mark.parametrize(
    ("kind", "body", "condition", "word"),
    [
        (
            "services",
            {"metadata": {"name": "fraud"}, "spec": {"ports": [{"port": 80}]}},
            "Stalled",
            "exists and is not this model's",
        ),
        (
            "resourcequotas",
            {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}},
            "Available",
            "exceeded quota",
        ),
    ],
    ids=["a foreign Service", "a quota"],
)
async def test_what_admission_cannot_know_is_a_condition_within_five_seconds(
    world: World, proxy: FaultProxy, kind: str, body: dict[str, Any], condition: str, word: str
) -> None:
    await world.create(kind, body)
    async with world.operator(proxy) as app:
        await until(lambda: app.leader.leads and app.mirror.synced.is_set(), "it works")
        await world.create("modeldeployments", manifest("a"))
        await world.until_status(lambda s: word in message(s, condition), f"{condition} says so", SECONDS)


def message(status: dict[str, Any], kind: str) -> str:
    return next((c["message"] for c in status.get("conditions", ()) if c["type"] == kind), "")
