"""What a revision is made of in a cluster: written by its engine once, and the same for as long as it lives.

A newer Fairway renders differently, and another spec says other things; neither may restart the pods of a
revision that serves. So the first rendering is frozen in a ControllerRevision, which the API server never
lets anybody change, and every later look takes the objects from there. How many servers there are stands
outside.
"""

from __future__ import annotations

import json
from dataclasses import replace

from fairway.core.model import Workload
from fairway.render.kube.labels import Manifest, Owner, controller_reference, metadata
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.registry import ENGINES

COMPONENT = "revision"
PATIENCE_SECONDS = 300.0
"""A server's own limit for a request is at least this: what counts is the router's, which may change."""


def frozen(owner: Owner, workload: Workload, settings: ServerSettings) -> Manifest:
    """The ControllerRevision of a revision that is made now."""
    patient = replace(
        workload, request_timeout_seconds=max(PATIENCE_SECONDS, workload.request_timeout_seconds)
    )
    objects = ENGINES[workload.revision.engine.type].objects(owner, patient, settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata(
            workload.revision.name,
            owner.namespace,
            owners=[controller_reference(owner)],
            model=owner.name,
            revision=workload.revision.name,
            component=COMPONENT,
        ),
        "revision": 1,
        # As text: the operator keeps thousands of these, and a text takes a fraction of its tree's memory.
        "data": {"objects": json.dumps(objects, separators=(",", ":"))},
    }


def workload_objects(workload: Workload, kept: Manifest, replicas: int) -> tuple[Manifest, ...]:
    """What must be there for a revision, from its ControllerRevision.

    Args:
        workload: the revision.
        kept: its ControllerRevision as it is in the cluster.
        replicas: how many servers there are to be.
    """
    engine = ENGINES[workload.revision.engine.type]
    return tuple(engine.scaled(obj, replicas) for obj in json.loads(kept["data"]["objects"]))
