"""What stands beside a revision's Deployment for the number of its pods: an autoscaler, a disruption budget.

They come and go with what is wanted; the Deployment is not touched for it. `replicas` is never part of what
is applied to a Deployment: see docs/decisions/0011-who-says-how-many-servers.md.
"""

from __future__ import annotations

from fairway.core.model import Workload
from fairway.render.kube.kind import DEPLOYMENT, HPA, PDB, Kind
from fairway.render.kube.labels import MODEL, REVISION, Manifest, Owner, controller_reference, metadata
from fairway.render.rights import BRING_ABOUT, FOLLOW, REMOVE, Right

SCALE_DOWN_SECONDS = 300
"""How long less must have been enough before a pod goes: a model may take minutes to load again."""
SCALING_KINDS = (HPA, PDB)

RIGHTS = (
    Right(HPA.group, HPA.plural, FOLLOW + BRING_ABOUT + REMOVE, "the number of a revision's servers"),
    Right(PDB.group, PDB.plural, FOLLOW + BRING_ABOUT + REMOVE, "the servers survive a drained node"),
)
"""What the operator has to be allowed for these objects."""


def scaling_objects(owner: Owner, workload: Workload, deployment: str) -> dict[Kind, Manifest]:
    """What there is to be, by kind; what is missing in it must not be there.

    Args:
        owner: the model.
        workload: the revision and how many servers it is to have.
        deployment: name of the Deployment that has the pods.
    """
    found: dict[Kind, Manifest] = {}
    if workload.capacity.most is not None:
        found[HPA] = _autoscaler(owner, workload, deployment)
    if workload.capacity.servers > 1:
        found[PDB] = _disruption_budget(owner, workload)
    return found


def _autoscaler(owner: Owner, workload: Workload, deployment: str) -> Manifest:
    capacity = workload.capacity
    utilization = {"type": "Utilization", "averageUtilization": capacity.cpu_percent}
    return {
        "apiVersion": HPA.api_version,
        "kind": HPA.name,
        "metadata": _metadata(owner, workload),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": DEPLOYMENT.api_version,
                "kind": DEPLOYMENT.name,
                "name": deployment,
            },
            "minReplicas": capacity.servers,
            "maxReplicas": capacity.most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": SCALE_DOWN_SECONDS}},
        },
    }


def _disruption_budget(owner: Owner, workload: Workload) -> Manifest:
    return {
        "apiVersion": PDB.api_version,
        "kind": PDB.name,
        "metadata": _metadata(owner, workload),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {MODEL: owner.name, REVISION: workload.revision.name}},
            # A server that is not ready serves nobody: it may not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _metadata(owner: Owner, workload: Workload) -> Manifest:
    return metadata(
        workload.revision.name,
        owner.namespace,
        owners=[controller_reference(owner)],
        model=owner.name,
        revision=workload.revision.name,
        component="scaling",
    )
