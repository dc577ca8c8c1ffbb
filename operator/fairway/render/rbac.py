"""The rights of the operator: its own, and those that engines declare. The chart's roles are made of them.

No wildcard, nothing about Secrets, no `bind` and no `escalate`: what the routers' agents may do the operator
is allowed itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairway.api.spec import EngineType
from fairway.api.v1alpha1 import GROUP, PLURAL
from fairway.render.kube.router import AGENT_RIGHTS
from fairway.render.protocols import Engine
from fairway.render.registry import ENGINES
from fairway.render.rights import BRING_ABOUT, FOLLOW, LOOK, REMOVE, Right

RBAC_GROUP = "rbac.authorization.k8s.io"
BUILT_IN = frozenset({"", "apps", "autoscaling", "batch", "policy"})

OWN_RIGHTS = (
    Right(GROUP, PLURAL, FOLLOW, "what is wanted"),
    Right(GROUP, f"{PLURAL}/status", ("update",), "what was decided, and why"),
    Right(GROUP, f"{PLURAL}/finalizers", ("update",), "asked for where owner references are guarded"),
    Right("apps", "controllerrevisions", (*FOLLOW, "create", *REMOVE), "a revision as it was first rendered"),
    Right("", "pods", ("list", "watch"), "readiness, restarts and addresses"),
    Right("", "pods", (*LOOK, "create", *REMOVE), "a resolver says what a model's content is, and goes"),
    Right("", "events", ("create",), "tells people what happened"),
    Right("", "configmaps", FOLLOW + BRING_ABOUT, "the route of a model"),
    Right("", "services", FOLLOW + BRING_ABOUT, "the address of a model"),
    Right("apps", "deployments", FOLLOW + BRING_ABOUT, "the router of a namespace"),
    Right(
        "policy", "poddisruptionbudgets", LOOK + BRING_ABOUT + REMOVE, "the router survives a drained node"
    ),
    Right("", "serviceaccounts", LOOK + BRING_ABOUT, "who the router's agent is"),
    Right(RBAC_GROUP, "roles", LOOK + BRING_ABOUT, "what the router's agent may do"),
    Right(RBAC_GROUP, "rolebindings", LOOK + BRING_ABOUT, "gives it to the router's agent"),
)
"""Wherever models are served, whatever serves them."""


def lease_rights(name: str) -> tuple[Right, ...]:
    """In the operator's own namespace, to agree on who writes.

    Args:
        name: of the Lease.
    """
    return (
        Right("coordination.k8s.io", "leases", ("create",), "RBAC cannot limit what is new to a name"),
        Right("coordination.k8s.io", "leases", ("get", "update"), "who writes", (name,)),
    )


def operator_rights(engines: Iterable[Engine] = tuple(ENGINES.values())) -> tuple[Right, ...]:
    """Wherever models are served: one right for each kind of object that every cluster has."""
    declared = (right for engine in engines for right in engine.rights if is_built_in(right.group))
    return merged((*OWN_RIGHTS, *AGENT_RIGHTS, *declared))


def engine_rights(engines: Mapping[EngineType, Engine] = ENGINES) -> dict[str, tuple[Right, ...]]:
    """By engine, what it needs beyond that: rights to kinds that somebody else's CRD brings, or does not."""
    found = {
        name: merged(right for right in engine.rights if not is_built_in(right.group))
        for name, engine in engines.items()
    }
    return {name.value: rights for name, rights in found.items() if rights}


def is_built_in(group: str) -> bool:
    """Whether every cluster has the kinds of this API group, or Fairway brings them."""
    return group in BUILT_IN or group == GROUP or group.endswith(".k8s.io")


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
