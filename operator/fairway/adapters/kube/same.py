"""Whether an object already is as it should be, so that nothing is sent when nothing differs. Pure.

Two questions are asked. Does the live object have every value that we would write? The API server adds
defaults, so that is a comparison of the smaller with the larger. And is what we would write the same as what
we wrote last? Only that tells that a field should go away again; its fingerprint stands in an annotation.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fairway.adapters.kube.kinds import Obj
from fairway.adapters.kube.quantity import same_quantity

APPLIED = "fairway.dev/applied"
_LIST_KEYS = ("uid", "name", "mountPath")
"""What tells the items of a list apart where server-side apply merges lists: others may add items."""
_AMOUNTS = frozenset({"requests", "limits"})
_AMOUNT = frozenset({"sizeLimit", "averageValue"})
"""Fields that hold amounts by name, and fields that are one."""


def stamped(obj: Obj) -> Obj:
    """The intent with its own fingerprint as an annotation."""
    metadata = obj["metadata"]
    annotations = {**(metadata.get("annotations") or {}), APPLIED: fingerprint(obj)}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def fingerprint(obj: Obj) -> str:
    """12 hex digits that name exactly this intent, whatever the order of its keys."""
    canonical = json.dumps(obj, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def covers(live: Any, wanted: Any) -> bool:
    """Whether `live` has every value of `wanted`; a list without keys must be the same from end to end."""
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return False
        return all(key in live and _covers_field(key, live[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and _covers_list(live, wanted)
    return bool(live == wanted)


def _covers_field(key: str, live: Any, wanted: Any) -> bool:
    if key in _AMOUNT:
        return same_quantity(live, wanted)
    if key in _AMOUNTS and isinstance(live, dict) and isinstance(wanted, dict):
        return all(name in live and same_quantity(live[name], amount) for name, amount in wanted.items())
    return covers(live, wanted)


def _covers_list(live: list[Any], wanted: list[Any]) -> bool:
    key = next((key for key in _LIST_KEYS if wanted and all(_has(item, key) for item in wanted)), None)
    if key is None:
        return len(live) == len(wanted) and all(covers(a, b) for a, b in zip(live, wanted, strict=True))
    named = {item[key]: item for item in live if _has(item, key)}
    return all(item[key] in named and covers(named[item[key]], item) for item in wanted)


def _has(item: Any, key: str) -> bool:
    return isinstance(item, dict) and key in item
