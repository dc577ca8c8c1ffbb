"""A right that the operator needs, with its reason: what plug-ins declare and RBAC is made of."""

from __future__ import annotations

from dataclasses import dataclass

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
