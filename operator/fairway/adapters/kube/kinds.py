"""The kinds of objects that the operator touches, and nothing else: its rights are made from this list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightkube.core.resource import NamespacedResource
from lightkube.generic_resource import GenericNamespacedResource, create_api_info

from fairway.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION

Obj = dict[str, Any]
"""One object as JSON."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A kind of object.

    Attributes:
        group: "" for the core group.
    """

    group: str
    version: str
    name: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


MODEL = Kind(GROUP, VERSION, KIND, PLURAL)
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
CONTROLLER_REVISION = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
POD = Kind("", "v1", "Pod", "pods")
SERVICE = Kind("", "v1", "Service", "services")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
EVENT = Kind("", "v1", "Event", "events")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
PDB = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")

KINDS = (
    MODEL,
    DEPLOYMENT,
    CONTROLLER_REVISION,
    POD,
    SERVICE,
    CONFIG_MAP,
    SERVICE_ACCOUNT,
    EVENT,
    ROLE,
    ROLE_BINDING,
    PDB,
    LEASE,
)


def kind_of(obj: Obj) -> Kind:
    """The kind of a rendered object.

    Raises:
        KeyError: it is of no kind that the operator touches.
    """
    return _BY_NAME[obj["apiVersion"], obj["kind"]]


def resource(kind: Kind) -> type[NamespacedResource]:
    """What lightkube wants to be told about a kind."""
    return _RESOURCES[kind]


def status_resource(kind: Kind) -> type[NamespacedResource]:
    """The same for its status subresource."""
    return _STATUS[kind]


def _make(kind: Kind, action: str | None) -> type[NamespacedResource]:
    """Not through lightkube's registry: there the core kinds are typed models, and we want plain JSON."""
    info = create_api_info(kind.group, kind.version, kind.name, kind.plural)
    if action is not None:
        info.parent, info.action = info.resource, action
    made: type[NamespacedResource] = type(kind.name, (GenericNamespacedResource,), {"_api_info": info})
    return made


_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}
_RESOURCES = {kind: _make(kind, None) for kind in KINDS}
_STATUS = {MODEL: _make(MODEL, "status")}
