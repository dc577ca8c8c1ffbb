"""The operator under exactly the rights that its code declares: none is missing, and none is too many.

What it asked is read from the API server's own audit log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.cluster.apiserver import Apiserver
from e2e.cluster.audit import Asked, read_audit

from controller.accounts import ACCOUNT, LEASE, install
from controller.control_plane import control_plane
from controller.proxy import FaultProxy, fault_proxy, until
from controller.world import World, a_world, look_at_everything, manifest
from fairway.render.rbac import lease_rights, operator_rights
from fairway.render.rights import Right

Used = tuple[str, str, str]
"""Group, resource, verb."""

ONLY_HANDED_ON = "the operator gives it to the routers' agents, and nobody gives what he does not have"
ELSEWHERE: dict[Used, str] = {
    ("fairway.dev", "modeldeployments/finalizers", "update"): "asked for by the API server itself, where the "
    "plug-in OwnerReferencesPermissionEnforcement is on",
    **{("discovery.k8s.io", "endpointslices", verb): ONLY_HANDED_ON for verb in ("get", "list", "watch")},
}
"""Rights that this walk cannot use, each with the reason why it is needed all the same."""


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apiserver]:
    """Of its own: an operator that serves all namespaces must not meet what other tests left in theirs."""
    with control_plane(tmp_path_factory.mktemp("rights-cluster")) as found:
        yield found


@pytest.fixture
async def own_world(own_cluster: Apiserver, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(own_cluster.kubeconfig("admin"), tmp_path) as found:
        yield found


async def walk(world: World, proxy: FaultProxy, **settings: Any) -> None:
    """All that an operator does: serve, promote, send back, repair, clean up, start anew, hand over."""
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy, identity="one", **settings):
        first = (await world.until_live("a"))["stable"]
        await world.change("modeldeployments", "fraud", {"spec": manifest("b")["spec"]})
        stable = (await world.until_live("b"))["stable"]
        await world.until_gone("deployments", first)
        await world.change("modeldeployments", "fraud", {"spec": {"scaling": {"min": 2, "max": 3}}})
        await world.until_there("horizontalpodautoscalers", stable)
        await world.change("modeldeployments", "fraud", {"spec": {"scaling": {"min": 1, "max": None}}})
        await world.until_gone("horizontalpodautoscalers", stable)
        await world.delete("services", stable)
        await world.until_there("services", stable)
    async with world.operator(proxy, identity="two", **settings | {"router_replicas": 1}) as again:
        await until(lambda: again.leader.leads, "the next one leads")
        await look_at_everything(again)
        await world.create("modeldeployments", manifest("c", "churn"))
        await world.until_status(lambda s: s.get("phase") == "Stable", "churn is live", name="churn")
        for name in ("fraud", "churn"):
            await world.delete("modeldeployments", name)
        await world.until_gone("deployments", "fairway-router")


def needed(asked: list[Asked]) -> set[Used]:
    """The rights behind these requests: an apply of what was not there needs `create` beside `patch`."""
    found = {(one.group, one.resource, one.verb) for one in asked}
    return found | {
        (one.group, one.resource, "create") for one in asked if one.verb == "patch" and one.code == 201
    }


def given(rights: tuple[Right, ...]) -> set[Used]:
    return {(right.group, right.resource, verb) for right in rights for verb in right.verbs}


@pytest.mark.parametrize("everywhere", [True, False], ids=["all namespaces", "one namespace"])
async def test_the_declared_rights_are_enough_and_none_is_too_many(
    own_cluster: Apiserver, own_world: World, everywhere: bool
) -> None:
    home = f"ops-{own_world.namespace}"
    account = install(own_cluster, own_world, home, operator_rights(), everywhere=everywhere)
    namespaces = () if everywhere else (own_world.namespace,)
    async with fault_proxy(account, own_world.folder) as proxy:
        await walk(
            own_world,
            proxy,
            namespaces=namespaces,
            router_replicas=2,
            lease_namespace=home,
            lease_name=LEASE,
        )
    asked = read_audit(own_cluster.folder, home, ACCOUNT)
    assert [one for one in asked if one.denied] == []
    used = needed(asked)
    assert given((*operator_rights(), *lease_rights(LEASE))) - used == ELSEWHERE.keys()
    assert {one.name for one in asked if one.resource == "leases" and one.verb != "create"} == {LEASE}
