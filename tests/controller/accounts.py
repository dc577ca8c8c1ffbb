"""Accounts with chosen rights on a real API server."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

from e2e.cluster.apiserver import Apiserver
from e2e.cluster.certificates import CA
from e2e.cluster.kubeconfig import write_kubeconfig
from e2e.cluster.rest import Api

from controller.world import World
from fairway.render.rbac import lease_rights
from fairway.render.rights import Right, rules

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNT = LEASE = "fairway-operator"


def install(
    cluster: Apiserver, world: World, home: str, rights: tuple[Right, ...], *, everywhere: bool
) -> Path:
    """What the chart installs: an account and its rights. Returns the account's kubeconfig."""
    with closing(Api.of(cluster.kubeconfig("admin"))) as api:
        made = [
            api.post("/api/v1/namespaces", {"metadata": {"name": home}}),
            api.post(f"/api/v1/namespaces/{home}/serviceaccounts", {"metadata": {"name": ACCOUNT}}),
            *give(api, home, home, lease_rights(LEASE)),
            *give(api, home, None if everywhere else world.namespace, rights),
        ]
        assert [answer.message for answer in made if answer.status != 201] == []
        path = f"/api/v1/namespaces/{home}/serviceaccounts/{ACCOUNT}/token"
        token = api.post(path, {"spec": {"expirationSeconds": 3600}})
    assert token.status == 201, token.message
    file = world.folder / "account.kubeconfig"
    authority, token_text = cluster.folder / CA, token.body["status"]["token"]
    write_kubeconfig(file, server=cluster.server, authority=authority, token=token_text)
    return file


def give(api: Api, home: str, namespace: str | None, rights: tuple[Right, ...]) -> list[Any]:
    """A role with these rights, bound to the account; for the whole cluster without a namespace."""
    kind, place = ("Role", f"/namespaces/{namespace}") if namespace else ("ClusterRole", "")
    name = f"{home}-{uuid.uuid4().hex[:6]}"
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": home}],
    }
    role = api.post(f"{RBAC}{place}/{kind.lower()}s", {"metadata": {"name": name}, "rules": rules(rights)})
    return [role, api.post(f"{RBAC}{place}/{kind.lower()}bindings", binding)]
