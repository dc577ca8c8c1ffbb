"""How the objects of one revision are named and labelled, and the Service that lists its pods."""

from __future__ import annotations

from fairway.core.model import Workload
from fairway.render.kube.labels import Manifest, Owner, controller_reference, labels, metadata

COMPONENT = "server"
PORT = 8080
"""Of every server, whatever the engine."""


def revision_metadata(owner: Owner, workload: Workload) -> Manifest:
    """Of an object that is part of this revision."""
    return metadata(
        workload.revision.name,
        owner.namespace,
        owners=[controller_reference(owner)],
        model=owner.name,
        revision=workload.revision.name,
        component=COMPONENT,
    )


def revision_labels(owner: Owner, workload: Workload) -> dict[str, str]:
    """Of its pods, and of nothing else's."""
    return labels(model=owner.name, revision=workload.revision.name, component=COMPONENT)


def revision_service(owner: Owner, workload: Workload) -> Manifest:
    """Without an address of its own: the routers read from it which pods are ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": revision_metadata(owner, workload),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "selector": revision_labels(owner, workload),
            "ports": [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }
