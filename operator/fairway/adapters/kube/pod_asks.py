"""What a pod asks of a node, in words for a person who looks for one. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.adapters.kube.kinds import Obj

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def asks_of(pod: Obj) -> str:
    """Resources, and the labels that a node must have: `cpu 2, memory 4Gi on a node with pool=models`."""
    spec = pod.get("spec", {})
    amounts = [
        f"{name} {amount}"
        for container in spec.get("containers") or ()
        for name, amount in sorted((container.get("resources", {}).get("requests") or {}).items())
    ]
    found = ", ".join(amounts) or "nothing in particular"
    labels = [f"{key}={value}" for key, value in sorted((spec.get("nodeSelector") or {}).items())]
    terms = [" and ".join(_expressions(term)) for term in _terms(spec)]
    if terms:
        labels.append(" or ".join(terms))
    return f"{found} on a node with {' and '.join(labels)}" if labels else found


def _terms(spec: Obj) -> list[Obj]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return (affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or []


def _expressions(term: Obj) -> Iterator[str]:
    for one in (*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())):
        values = one.get("values") or ()
        chosen = f" ({', '.join(values)})" if values else ""
        yield f"{one.get('key')} {one.get('operator')}{chosen}"
