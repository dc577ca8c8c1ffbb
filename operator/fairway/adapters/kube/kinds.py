"""The kinds of objects that the operator touches, and nothing else."""

from __future__ import annotations

from typing import Any

from lightkube.core.resource import NamespacedResource
from lightkube.generic_resource import GenericNamespacedResource, create_api_info

from fairway.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION
from fairway.render.kube.kind import DEPLOYMENT, HPA, PDB, SERVICE, Kind
from fairway.render.rbac import is_built_in
from fairway.render.registry import ENGINES

Obj = dict[str, Any]
"""One object as JSON."""


MODEL = Kind(GROUP, VERSION, KIND, PLURAL)
CONTROLLER_REVISION = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
POD = Kind("", "v1", "Pod", "pods")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts")
EVENT = Kind("", "v1", "Event", "events")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")

REVISION_KINDS = (
    *dict.fromkeys(kind for engine in ENGINES.values() for kind in engine.kinds),
    CONTROLLER_REVISION,
)
"""What a revision can be made of, in the order in which it goes."""

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
    *(kind for kind in REVISION_KINDS if kind not in {DEPLOYMENT, SERVICE, CONTROLLER_REVISION, PDB}),
)

FOREIGN_KINDS = frozenset(kind for kind in REVISION_KINDS if not is_built_in(kind.group))
"""Those that somebody else's CRD brings: a cluster may lack them, and the operator the right to them."""


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

__all__ = [
    "CONFIG_MAP",
    "CONTROLLER_REVISION",
    "DEPLOYMENT",
    "EVENT",
    "FOREIGN_KINDS",
    "HPA",
    "KINDS",
    "LEASE",
    "MODEL",
    "PDB",
    "POD",
    "REVISION_KINDS",
    "ROLE",
    "ROLE_BINDING",
    "SERVICE",
    "SERVICE_ACCOUNT",
    "Kind",
    "Obj",
    "kind_of",
    "resource",
    "status_resource",
]
