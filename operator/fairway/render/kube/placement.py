"""Where the pods of a revision may run, and how they spread."""

from __future__ import annotations

from collections.abc import Iterable

from fairway.api.pod import PodInputs
from fairway.render.kube.gpu_nodes import TOLERATION, node_requirements, with_node_requirements
from fairway.render.kube.labels import Manifest
from fairway.render.kube.server_settings import ServerSettings

SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def placement(pod: PodInputs, settings: ServerSettings, pod_labels: dict[str, str]) -> Manifest:
    """The part of a pod's spec that the scheduler reads; the user's words stand above the operator's.

    Args:
        pod: what the user says.
        settings: what the operator's administrator says for all servers.
        pod_labels: of the pods of this revision, which are spread.
    """
    template = pod.pod_template
    found: Manifest = {
        "nodeSelector": {**settings.node_selector, **pod.node_selector},
        "tolerations": list(_tolerations(pod, settings)),
        "affinity": with_node_requirements(pod.affinity, node_requirements(pod.gpu)),
        "topologySpreadConstraints": list(template.topology_spread_constraints) or _spread(pod_labels),
        "priorityClassName": template.priority_class_name,
        "runtimeClassName": template.runtime_class_name,
        "imagePullSecrets": [
            {"name": name}
            for name in dict.fromkeys((*settings.image_pull_secrets, *template.image_pull_secrets))
        ],
    }
    return {key: value for key, value in found.items() if value}


def _tolerations(pod: PodInputs, settings: ServerSettings) -> Iterable[Manifest]:
    yield from (dict(one) for one in settings.tolerations)
    yield from (one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in pod.tolerations)
    if pod.gpu is not None:
        yield dict(TOLERATION)


def _spread(pod_labels: dict[str, str]) -> list[Manifest]:
    """Evenly where that is possible; a full zone keeps no server from starting elsewhere."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(pod_labels)},
        }
        for key in SPREAD_OVER
    ]
