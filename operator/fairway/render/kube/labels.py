"""What every managed object carries: labels, annotations and owners. Shared by all that render for a cluster.

No label may change while its object lives: a changed label on a pod template restarts every pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]

# As in `fairway.api.v1alpha1`, without its models: the router's agent needs no more of it than these.
GROUP = "fairway.dev"
API_VERSION = "fairway.dev/v1alpha1"
KIND = "ModelDeployment"

FIELD_MANAGER = "fairway-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "fairway"
MODEL = f"{GROUP}/model-deployment"
REVISION = f"{GROUP}/revision"
COMPONENT = f"{GROUP}/component"
SERVICE_NAME = "kubernetes.io/service-name"
"""Set by Kubernetes itself on every EndpointSlice of a Service."""

MAX_NAME = 63
"""Of a Service, and of any label's value."""


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """The ModelDeployment that an object belongs to; when it goes, Kubernetes takes the object away."""

    namespace: str
    name: str
    uid: str


def metadata(
    name: str,
    namespace: str,
    *,
    owners: Iterable[Mapping[str, Any]] = (),
    model: str | None = None,
    revision: str | None = None,
    component: str | None = None,
) -> Manifest:
    """The metadata of a managed object.

    Args:
        name: at most 63 characters; whoever derives names sees to that.
        namespace: of the object and of all its owners.
        owners: from `controller_reference` or `owner_reference`.
        model: name of the ModelDeployment, for objects of one model.
        revision: name of the revision, for objects of one revision.
        component: `route`, `router` or another part that is looked for by its label.
    """
    found: Manifest = {
        "name": name,
        "namespace": namespace,
        "labels": labels(model=model, revision=revision, component=component),
    }
    references = [dict(one) for one in owners]
    return found | {"ownerReferences": references} if references else found


def labels(
    *, model: str | None = None, revision: str | None = None, component: str | None = None
) -> dict[str, str]:
    """Labels of a managed object; a selector when it is of one component."""
    wanted = {MANAGED_BY: MANAGER, MODEL: model, REVISION: revision, COMPONENT: component}
    return {key: value for key, value in wanted.items() if value is not None}


def selector(wanted: Mapping[str, str]) -> str:
    """A label selector as the API takes it in a query."""
    return ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))


def controller_reference(owner: Owner) -> Manifest:
    """For an object that belongs to this model alone."""
    return owner_reference(owner) | {"controller": True, "blockOwnerDeletion": True}


def owner_reference(owner: Owner) -> Manifest:
    """For an object that several models share: it goes when the last of them goes."""
    return {"apiVersion": API_VERSION, "kind": KIND, "name": owner.name, "uid": owner.uid}
