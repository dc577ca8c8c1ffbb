"""Which nodes have the GPUs that are asked for, by the labels of NVIDIA's GPU feature discovery.

Labels: https://github.com/NVIDIA/k8s-device-plugin/tree/main/docs/gpu-feature-discovery
"""

from __future__ import annotations

from typing import Any

from fairway.api.pod import Gpu
from fairway.render.kube.labels import Manifest

PRODUCT = "nvidia.com/gpu.product"
MEMORY = "nvidia.com/gpu.memory"
"""In MiB, of a whole GPU, also where it is cut into slices."""
TOLERATION: Manifest = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
"""Nodes with GPUs commonly keep everybody else away by this taint."""

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def node_requirements(gpu: Gpu | None) -> list[Manifest]:
    """What a node's labels must say, as `matchExpressions`; nothing where any GPU will do."""
    found: list[Manifest] = []
    if gpu is not None and gpu.products:
        found.append({"key": PRODUCT, "operator": "In", "values": list(gpu.products)})
    if gpu is not None and gpu.min_memory_mib is not None:
        # There is no "at least": strictly more than one less.
        found.append({"key": MEMORY, "operator": "Gt", "values": [str(gpu.min_memory_mib - 1)]})
    return found


def with_node_requirements(affinity: Manifest, required: list[Manifest]) -> Manifest:
    """An affinity that asks for these as well, whichever of its own alternatives a node meets.

    Where it is no affinity at all it is left as it is: the API server says what is wrong with it.
    """
    if not required:
        return affinity
    node = affinity.get("nodeAffinity") or {}
    selector = node.get(_REQUIRED) or {} if isinstance(node, dict) else None
    terms = selector.get("nodeSelectorTerms") or [{}] if isinstance(selector, dict) else None
    if not isinstance(terms, list):
        return affinity
    asked = {**(selector or {}), "nodeSelectorTerms": [_and(term, required, terms) for term in terms]}
    return {**affinity, "nodeAffinity": {**node, _REQUIRED: asked}}


def _and(term: Any, required: list[Manifest], terms: list[Any]) -> Any:
    """An empty alternative beside others matches no node, and goes on to match none."""
    if not isinstance(term, dict) or (not term and terms != [{}]):
        return term
    return {**term, "matchExpressions": [*(term.get("matchExpressions") or []), *required]}
