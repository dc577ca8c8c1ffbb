"""The rights of the operator as RBAC rules: its own, and those that engines declare.

No wildcard, nothing about Secrets, no `bind` and no `escalate`. What the routers' agents may do the operator
must be allowed itself: nobody can hand on a right that he does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairway.api.v1alpha1 import GROUP, PLURAL
from fairway.render.kube.labels import Manifest
from fairway.render.rights import BRING_ABOUT, FOLLOW, LOOK, REMOVE, Right

RBAC_GROUP = "rbac.authorization.k8s.io"

OPERATOR_RIGHTS = (
    Right(GROUP, PLURAL, FOLLOW, "what is wanted"),
    Right(GROUP, f"{PLURAL}/status", ("update",), "what was decided, and why"),
    Right(GROUP, f"{PLURAL}/finalizers", ("update",), "asked for where owner references are guarded"),
    Right("", "configmaps", FOLLOW + BRING_ABOUT, "one per model: its route"),
    Right("", "services", FOLLOW + BRING_ABOUT, "one per model: its address"),
    Right("", "pods", ("list", "watch"), "readiness, restarts and addresses"),
    Right("", "events", ("create",), "tells people what happened"),
    Right("apps", "deployments", FOLLOW + BRING_ABOUT, "the router of a namespace"),
    Right("policy", "poddisruptionbudgets", LOOK + BRING_ABOUT, "the router survives a drained node"),
    Right("", "serviceaccounts", LOOK + BRING_ABOUT, "who the router's agent is"),
    Right(RBAC_GROUP, "roles", LOOK + BRING_ABOUT, "what the router's agent may do"),
    Right(RBAC_GROUP, "rolebindings", LOOK + BRING_ABOUT, "gives it to the router's agent"),
)
"""Wherever models are served."""

AGENT_RIGHTS = (
    Right("", "configmaps", FOLLOW, "handed on: routers read their routes"),
    Right("discovery.k8s.io", "endpointslices", FOLLOW, "handed on: routers follow the servers' addresses"),
)
"""Of a router's agent, in its own namespace."""


def lease_rights(name: str) -> tuple[Right, ...]:
    """In the operator's own namespace, to agree on who writes.

    Args:
        name: of the Lease.
    """
    return (
        Right("coordination.k8s.io", "leases", ("create",), "RBAC cannot limit what is new to a name"),
        Right("coordination.k8s.io", "leases", ("get", "update"), "who writes", (name,)),
    )


def operator_rights() -> tuple[Right, ...]:
    """All rights that are needed wherever models are served, one for each kind of object."""
    declared = (
        Right("apps", "deployments", REMOVE, "the servers of a revision"),
        Right("", "services", REMOVE, "the servers of a revision"),
    )
    return merged((*OPERATOR_RIGHTS, *AGENT_RIGHTS, *declared))


def merged(rights: Iterable[Right]) -> tuple[Right, ...]:
    """One right for each kind of object: verbs and reasons added up, in the order of their first mention."""
    found: dict[tuple[str, str, tuple[str, ...]], Right] = {}
    for right in rights:
        key = (right.group, right.resource, right.names)
        found[key] = _sum(found[key], right) if key in found else right
    return tuple(found.values())


def _sum(one: Right, other: Right) -> Right:
    verbs = tuple(dict.fromkeys((*one.verbs, *other.verbs)))
    why = one.why if other.why in one.why.split("; ") else f"{one.why}; {other.why}"
    return Right(one.group, one.resource, verbs, why, one.names)


def rules(rights: Iterable[Right]) -> list[Manifest]:
    """As a Role or ClusterRole has them."""
    return [_rule(right) for right in rights]


def _rule(right: Right) -> Manifest:
    named: Mapping[str, list[str]] = {"resourceNames": list(right.names)} if right.names else {}
    return {
        "apiGroups": [right.group],
        "resources": [right.resource],
        **named,
        "verbs": list(right.verbs),
    }
