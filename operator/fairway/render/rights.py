"""A right that the operator needs, with its reason: what plug-ins declare and RBAC is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairway.render.kube.labels import Manifest

LOOK = ("get",)
FOLLOW = ("get", "list", "watch")
BRING_ABOUT = ("create", "patch")
"""Server-side apply: the API server asks for `patch`, and for `create` too when there is nothing yet."""
REMOVE = ("delete",)


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done to one kind of object.

    Attributes:
        group: "" for the core group.
        resource: plural; a subresource follows after a slash.
        verbs: as RBAC names them.
        why: half a line for whoever reviews the rights.
        names: only objects of these names; any name when there are none.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()


def rules(rights: Iterable[Right]) -> list[Manifest]:
    """As a Role or ClusterRole has them."""
    return [_rule(right) for right in rights]


def _rule(right: Right) -> Manifest:
    named = {"resourceNames": list(right.names)} if right.names else {}
    return {"apiGroups": [right.group], "resources": [right.resource], **named, "verbs": list(right.verbs)}
