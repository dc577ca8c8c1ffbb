"""The router of a namespace: its Deployment and what its agent may read. Shared by the namespace's models.

No model appears in the pod template: models come and go without a restart. Sockets, snapshot and admin
interface lie on a volume that the two containers share; only the agent's container has a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fairway.render.envoy_bootstrap import bootstrap
from fairway.render.kube.labels import Manifest, Owner, labels, metadata, owner_reference
from fairway.render.kube.restricted import container_security, mount, pod_security
from fairway.render.kube.route_config import ROUTER_COMPONENT
from fairway.render.rights import FOLLOW, Right, rules

NAME = "fairway-router"
AGENT_PORT = 9902
USER = 10001
RUN_DIR = PurePosixPath("/run/fairway")
TOKEN_DIR = PurePosixPath("/var/run/secrets/fairway")
GRACE_MARGIN_SECONDS = 15
"""Beyond the drain: starting the hook, stopping Envoy, and a node that is busy."""

AGENT_RIGHTS = (
    Right("", "configmaps", FOLLOW, "handed on: routers read their routes"),
    Right("discovery.k8s.io", "endpointslices", FOLLOW, "handed on: routers follow the servers' addresses"),
)
"""Of a router's agent, in its own namespace. The operator has them too: nobody gives what he has not."""


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """What the operator's administrator chooses for all routers.

    Attributes:
        image: carries both commands, `envoy` and `fairway-agent`.
        replicas: two, so that a node may go; with one its going is a gap.
        workers: Envoy's worker threads.
        drain_seconds: how long clients have to go to another router.
        envoy_resources, agent_resources: of the containers, as in a pod.
        node_selector, tolerations, image_pull_secrets: as in a pod.
    """

    image: str
    replicas: int = 2
    workers: int = 2
    drain_seconds: int = 45
    envoy_resources: Manifest = field(
        default_factory=lambda: {
            "requests": {"cpu": "200m", "memory": "256Mi"},
            "limits": {"memory": "1Gi"},
        }
    )
    agent_resources: Manifest = field(
        default_factory=lambda: {
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "limits": {"memory": "384Mi"},
        }
    )
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Manifest, ...] = ()
    priority_class: str | None = None


def router_objects(namespace: str, settings: RouterSettings, owners: Iterable[Owner]) -> tuple[Manifest, ...]:
    """Everything that makes the router of a namespace, in the order in which it is needed.

    Args:
        namespace: where it serves.
        settings: the same for every namespace.
        owners: all ModelDeployments of this namespace; it goes with the last of them.
    """
    meta = metadata(
        NAME,
        namespace,
        owners=[owner_reference(one) for one in sorted(set(owners))],
        component=ROUTER_COMPONENT,
    )
    found = (_service_account(meta), _role(meta), _role_binding(meta, namespace), _deployment(meta, settings))
    return (*found, _disruption_budget(meta)) if settings.replicas > 1 else found


def _service_account(meta: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta,
        "automountServiceAccountToken": False,
    }


def _role(meta: Manifest) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": meta,
        "rules": rules(AGENT_RIGHTS),
    }


def _role_binding(meta: Manifest, namespace: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
    }


def _disruption_budget(meta: Manifest) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(component=ROUTER_COMPONENT)}},
    }


def _deployment(meta: Manifest, settings: RouterSettings) -> Manifest:
    pod_labels = labels(component=ROUTER_COMPONENT)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": settings.replicas,
            "selector": {"matchLabels": pod_labels},
            # A router that comes is ready before one that goes: down-time of routers is down-time of models.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": pod_labels}, "spec": _pod(settings, pod_labels)},
        },
    }


def _pod(settings: RouterSettings, pod_labels: dict[str, str]) -> Manifest:
    optional: Manifest = {
        "imagePullSecrets": [{"name": one} for one in settings.image_pull_secrets],
        "nodeSelector": dict(settings.node_selector),
        "tolerations": [dict(one) for one in settings.tolerations],
        "priorityClassName": settings.priority_class,
    }
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.drain_seconds + GRACE_MARGIN_SECONDS,
        "securityContext": pod_security(USER),
        "topologySpreadConstraints": [
            _spread("kubernetes.io/hostname", pod_labels),
            _spread("topology.kubernetes.io/zone", pod_labels),
        ],
        "containers": [_envoy(settings), _agent(settings)],
        "volumes": [
            {"name": "run", "emptyDir": {"sizeLimit": "128Mi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
            {"name": "token", "projected": {"defaultMode": 0o440, "sources": _token_sources()}},
        ],
        **{key: value for key, value in optional.items() if value},
    }


def _envoy(settings: RouterSettings) -> Manifest:
    """No probe of its own: the agent asks it, and a container that answers badly is not cured by a kill."""
    static = bootstrap(
        node_id="set by --service-node",
        node_cluster=NAME,
        agent_socket=RUN_DIR / "ads.sock",
        admin_socket=RUN_DIR / "admin.sock",
    )
    return {
        "name": "envoy",
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["envoy"],
        "args": [
            "--config-yaml",
            json.dumps(static, sort_keys=True, separators=(",", ":")),
            "--service-node",
            "$(FAIRWAY_POD)",
            "--disable-hot-restart",
            "--reject-unknown-dynamic-fields",
            "--concurrency",
            str(settings.workers),
            "--drain-time-s",
            str(max(10, settings.drain_seconds // 3)),
            "--log-level",
            "warning",
        ],
        "env": _environment(settings),
        "resources": settings.envoy_resources,
        "securityContext": container_security(),
        # SIGTERM ends Envoy at once, with all that is in flight: the hook returns when the clients are gone.
        "lifecycle": {"preStop": {"exec": {"command": ["fairway-agent", "drain"]}}},
        "volumeMounts": [mount("run", RUN_DIR), mount("tmp", PurePosixPath("/tmp"))],  # noqa: S108  a volume
    }


def _agent(settings: RouterSettings) -> Manifest:
    return {
        "name": "agent",
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["fairway-agent"],
        "args": ["serve"],
        "env": _environment(settings),
        "ports": [{"name": "agent", "containerPort": AGENT_PORT, "protocol": "TCP"}],
        "resources": settings.agent_resources,
        "securityContext": container_security(),
        # Liveness asks about the agent alone; readiness about what a client of this pod would meet.
        "startupProbe": _probe("/healthz", periodSeconds=1, failureThreshold=60, timeoutSeconds=2),
        "livenessProbe": _probe("/healthz", periodSeconds=10, failureThreshold=6, timeoutSeconds=5),
        "readinessProbe": _probe("/readyz", periodSeconds=2, failureThreshold=2, timeoutSeconds=2),
        "volumeMounts": [
            mount("run", RUN_DIR),
            mount("tmp", PurePosixPath("/tmp")),  # noqa: S108  a volume
            mount("token", TOKEN_DIR) | {"readOnly": True},
        ],
    }


def _environment(settings: RouterSettings) -> list[Manifest]:
    """What `fairway.agent.settings` reads; the hook that drains is the agent's command too."""
    return [
        {"name": "FAIRWAY_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "FAIRWAY_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "FAIRWAY_DRAIN_SECONDS", "value": str(settings.drain_seconds)},
    ]


def _token_sources() -> list[Manifest]:
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]


def _probe(path: str, **timing: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "agent"}, **timing}


def _spread(topology: str, pod_labels: dict[str, str]) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": pod_labels},
    }
