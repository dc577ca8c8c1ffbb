"""The servers of one revision as pods: a Deployment, and a headless Service that lists their addresses.

What the engine's server is called with is what it is called with on a laptop; only where it listens and where
its files lie differs. The model is fetched and checked against its digest before the server starts.
"""

from __future__ import annotations

import math
from pathlib import PurePosixPath

from fairway.core.model import Source, Workload
from fairway.render.kube.fetching import TMP, USER, fetch_account, fetch_container, fetch_volumes
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.placement import placement
from fairway.render.kube.resources import server_resources
from fairway.render.kube.restricted import container_security, mount, pod_security
from fairway.render.kube.revision_meta import PORT, revision_labels, revision_metadata, revision_service
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.protocols import Place, ProcessSpec
from fairway.render.rights import BRING_ABOUT, FOLLOW, REMOVE, Right

CONTAINER = "server"
FETCH_CONTAINER = "fetch"
MODELS = PurePosixPath("/models")
TERMINATION = PurePosixPath("/dev/termination-log")
GRACE_MARGIN_SECONDS = 15
_ANNOTATIONS = {"eks.amazonaws.com/skip-containers": CONTAINER}
"""A role's credentials are for the container that fetches: Amazon's webhook gives them to all others too."""
START_SECONDS = 1800
"""A large model may take long to load; until then only the server's own exit ends the try."""


RIGHTS = (
    Right("apps", "deployments", FOLLOW + BRING_ABOUT + REMOVE, "the servers of a revision"),
    Right("", "services", FOLLOW + BRING_ABOUT + REMOVE, "the servers' addresses"),
)
"""What the operator has to be allowed for these objects."""

PLACE = Place(
    model=MODELS,
    address=TMP / "address.json",
    termination=TERMINATION,
    python="python",
    host="0.0.0.0",  # noqa: S104  a pod's own network
    port=PORT,
    gpus=True,
)
"""Where a server in a pod finds things; `model` holds the contents, each under its digest."""


def server_pods(
    owner: Owner, workload: Workload, settings: ServerSettings, process: ProcessSpec
) -> tuple[Manifest, ...]:
    """The Service and the Deployment of a revision; how many pods it has is not said here."""
    return (revision_service(owner, workload), _deployment(owner, workload, settings, process))


def _deployment(owner: Owner, workload: Workload, settings: ServerSettings, process: ProcessSpec) -> Manifest:
    pod_labels = revision_labels(owner, workload)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": revision_metadata(owner, workload),
        "spec": {
            # A revision never changes: there is nothing to go back to but another revision.
            "revisionHistoryLimit": 0,
            "selector": {"matchLabels": pod_labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": _pod_metadata(workload, pod_labels),
                "spec": _pod(workload, settings, process, pod_labels),
            },
        },
    }


def _pod_metadata(workload: Workload, pod_labels: dict[str, str]) -> Manifest:
    """Ours come last: no word of a user's takes a pod out of its Service, or its Deployment."""
    template = workload.revision.pod.pod_template
    return {
        "labels": {**template.labels, **pod_labels},
        "annotations": {**template.annotations, **_ANNOTATIONS},
    }


def _pod(
    workload: Workload, settings: ServerSettings, process: ProcessSpec, pod_labels: dict[str, str]
) -> Manifest:
    source = Source.of(workload.revision)
    return {
        # The server needs no API: whoever takes it over finds no token.
        **fetch_account(source),
        "terminationGracePeriodSeconds": math.ceil(process.drain_seconds) + GRACE_MARGIN_SECONDS,
        "securityContext": pod_security(USER),
        "initContainers": [_fetch(workload, settings)],
        "containers": [_server(workload, process, settings)],
        "volumes": [{"name": "models", "emptyDir": {}}, *fetch_volumes(source)],
        **placement(workload.revision.pod, settings, pod_labels),
    }


def _fetch(workload: Workload, settings: ServerSettings) -> Manifest:
    sha256 = workload.revision.sha256
    command = ("get", "--sha256", sha256, "--target", str(MODELS / sha256))
    source = Source.of(workload.revision)
    return fetch_container(FETCH_CONTAINER, command, source, settings, [mount("models", MODELS)])


def _server(workload: Workload, process: ProcessSpec, settings: ServerSettings) -> Manifest:
    pod = workload.revision.pod
    return {
        "name": CONTAINER,
        "image": workload.revision.runtime,
        "imagePullPolicy": settings.image_pull_policy,
        "command": list(process.argv),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": one.name, "value": one.value} for one in pod.pod_template.env],
        "resources": server_resources(pod, settings.resources),
        "terminationMessagePath": str(TERMINATION),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        # Alive is asked of the process, ready of the model: a model that loads is not killed for it.
        "startupProbe": _probe(process.live_path, periodSeconds=1, failureThreshold=START_SECONDS),
        "livenessProbe": _probe(process.live_path, periodSeconds=10, failureThreshold=6),
        "readinessProbe": _probe(process.ready_path, periodSeconds=1, failureThreshold=3),
        "volumeMounts": [mount("models", MODELS) | {"readOnly": True}, mount("tmp", TMP)],
    }


def _probe(path: str, **timing: int) -> Manifest:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5, **timing}
