"""What a walk has come to: all of it that is the same in every namespace and at any time of day."""

from __future__ import annotations

import json
import re
from typing import Any

from controller.world import World

KINDS = (
    "modeldeployments",
    "deployments",
    "controllerrevisions",
    "services",
    "configmaps",
    "serviceaccounts",
    "roles",
    "rolebindings",
    "poddisruptionbudgets",
)
_UNLIKE = frozenset(
    {
        # Kubernetes' own marks.
        *("uid", "resourceVersion", "creationTimestamp", "managedFields", "clusterIP", "clusterIPs"),
        "deployment.kubernetes.io/revision",
        # The fingerprint of an intent with a uid in it.
        "fairway.dev/applied",
        # The fingerprint of a route with its namespace in it; the route itself stands beside it.
        "inline_string",
        # How much was measured in the time that there was: not what it led to.
        *("baseline", "measured", "requests", "intervals", "droppedIntervals"),
    }
)
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
_NUMBER = re.compile(r"(?<![\w-])\d+(\.\d+)?(e-?\d+)?(?![\w-])")
_FOREIGN = frozenset({"kube-root-ca.crt", "default"})

Flat = dict[str, Any]
"""A value by its path."""


async def end_state(world: World) -> Flat:
    """Every object of a world, without times, versions, addresses and counts of what was measured.

    The generation of each object is in it: one that was changed back and forth is another end.
    """
    found: Flat = {}
    for kind in KINDS:
        for obj in await world.list(kind):
            name = obj["metadata"]["name"]
            if name not in _FOREIGN:
                _flatten(f"{kind}/{name}", _whole(kind, obj), found)
    for pod in await world.list("pods"):
        labels = pod["metadata"]["labels"]
        owner = labels.get("fairway.dev/revision") or labels.get("fairway.dev/component")
        found[f"pods of {owner}"] = found.get(f"pods of {owner}", 0) + 1
    text = json.dumps(found).replace(world.namespace, "NAMESPACE")
    return dict(json.loads(text))


def difference(wanted: Flat, found: Flat) -> list[str]:
    """Each value that is not as wanted, in a line."""
    return [
        f"{path}: {_shown(wanted, path)} became {_shown(found, path)}"
        for path in sorted(wanted.keys() | found.keys())
        if wanted.get(path, ...) != found.get(path, ...)
    ]


def _whole(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    if kind == "configmaps":
        return obj | {"data": {name: json.loads(text) for name, text in obj["data"].items()}}
    if kind != "modeldeployments":
        obj.pop("status", None)  # it belongs to Kubernetes
        return obj
    rollout = obj.get("status", {}).get("rollout") or {}
    rollout["evidence"] = {one["name"]: one["verdict"] for one in rollout.get("evidence", ())}
    return obj


def _flatten(path: str, value: Any, into: Flat) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in _UNLIKE:
                _flatten(f"{path}.{key}", item, into)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _flatten(f"{path}[{index}]", item, into)
    elif not (isinstance(value, str) and _TIME.match(value)):
        into[path] = _NUMBER.sub("N", value) if path.endswith(".message") else value


def _shown(state: Flat, path: str) -> str:
    return json.dumps(state[path])[:200] if path in state else "nothing"
