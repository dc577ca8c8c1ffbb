"""The engine KServe: one InferenceService in Standard mode a revision, served by a runtime of the user's.

KServe makes the Deployment and the pods; which requests they get is said by our own route alone. What KServe
is told of the model is that it lies there already: an init container of ours fetched it and checked its
digest, under the name by which KServe knows that it has nothing to fetch (docs/decisions/0011).

Any label or annotation that changes restarts all pods: the whole metadata is written once and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import ClassVar

from fairway.api.engine import KServeSettings
from fairway.core.model import Source, Workload
from fairway.render.kube.fetching import USER, fetch_account, fetch_container, fetch_volumes
from fairway.render.kube.kind import SERVICE, Kind
from fairway.render.kube.labels import MAX_NAME, Manifest, Owner
from fairway.render.kube.restricted import container_security, mount, pod_security
from fairway.render.kube.revision_meta import PORT, revision_metadata, revision_service
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.protocols import Place, ProcessSpec, Unsupported
from fairway.render.rights import BRING_ABOUT, FOLLOW, REMOVE, Right

INFERENCE_SERVICE = Kind("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices")
MODELS = PurePosixPath("/models")
MODEL = PurePosixPath("/mnt/models")
"""Where KServe's runtimes look for the model."""
FETCH_CONTAINER = "storage-initializer"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SECONDS_TO_END = 315
_MADE_BY_KSERVE = "{name}-predictor"


class KServeEngine:
    rights: ClassVar[tuple[Right, ...]] = (
        Right(
            INFERENCE_SERVICE.group,
            INFERENCE_SERVICE.plural,
            FOLLOW + BRING_ABOUT + REMOVE,
            "the servers of a revision, on KServe",
        ),
        Right("", "services", FOLLOW + BRING_ABOUT + REMOVE, "the servers' addresses"),
        Right("apps", "deployments", FOLLOW, "how the servers are that KServe made"),
    )
    kinds: ClassVar[tuple[Kind, ...]] = (INFERENCE_SERVICE, SERVICE)
    fatal_exit_codes: ClassVar[frozenset[int]] = frozenset()

    def process(self, _workload: Workload, _place: Place) -> ProcessSpec | Unsupported:
        """None: KServe's runtimes are pods."""
        return Unsupported(
            "engine KServe runs in a cluster only: try the model with engine.type OnnxRuntime here"
        )

    def refusal(self, owner: Owner, workload: Workload) -> str | None:
        """What KServe would refuse later and elsewhere, or take and ignore."""
        name = workload.revision.name
        if not _NAME.fullmatch(name):
            return f"KServe takes no name that begins with a digit: give {owner.name} another one"
        address = f"{self.deployment(name)}-{owner.namespace}"
        if len(address) > MAX_NAME:
            return (
                f"KServe calls this revision {address} and takes at most {MAX_NAME} characters: make the "
                f"names of the ModelDeployment and its namespace {len(address) - MAX_NAME} characters shorter"
            )
        if workload.capacity.most is not None:
            return "engine KServe is not scaled by an autoscaler: leave spec.scaling.max out"
        if workload.revision.pod.gpu is not None:
            return "engine KServe is not given GPUs by spec.gpu: use engine OnnxRuntime"
        return None

    def objects(self, owner: Owner, workload: Workload, settings: ServerSettings) -> tuple[Manifest, ...]:
        """The InferenceService, and the Service that lists its pods."""
        return (revision_service(owner, workload), _inference_service(owner, workload, settings))

    def scaled(self, obj: Manifest, replicas: int) -> Manifest:
        """Without an autoscaler KServe takes the lower bound for the number."""
        if obj["kind"] != INFERENCE_SERVICE.name:
            return obj
        predictor = obj["spec"]["predictor"] | {"minReplicas": replicas}
        return obj | {"spec": obj["spec"] | {"predictor": predictor}}

    def deployment(self, revision: str) -> str:
        """As KServe names it."""
        return _MADE_BY_KSERVE.format(name=revision)

    def last_words(self, objects: Iterable[Manifest]) -> str:
        """What the InferenceService says of its model; its conditions lag behind and say less."""
        for obj in objects:
            failure = obj.get("status", {}).get("modelStatus", {}).get("lastFailureInfo") or {}
            words = [failure[key] for key in ("reason", "message") if failure.get(key)]
            if obj["kind"] == INFERENCE_SERVICE.name and words:
                return f"KServe says: {': '.join(words)}"
        return ""


def _inference_service(owner: Owner, workload: Workload, settings: ServerSettings) -> Manifest:
    found = revision_metadata(owner, workload)
    # KServe copies all of it to what it makes: so the pods carry the labels of the revision.
    found["labels"]["networking.kserve.io/visibility"] = "cluster-local"
    found["annotations"] = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
    }
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.name,
        "metadata": found,
        "spec": {"predictor": _predictor(workload, settings)},
    }


def _predictor(workload: Workload, settings: ServerSettings) -> Manifest:
    revision, source = workload.revision, Source.of(workload.revision)
    sha256 = revision.sha256
    fetch = ("get", "--sha256", sha256, "--target", str(MODELS / sha256))
    optional: Manifest = {
        "nodeSelector": {**settings.node_selector, **revision.pod.node_selector},
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "tolerations": [dict(one) for one in settings.tolerations],
    }
    return {
        **fetch_account(source),
        "terminationGracePeriodSeconds": _SECONDS_TO_END,
        "securityContext": pod_security(USER),
        "initContainers": [
            fetch_container(FETCH_CONTAINER, fetch, source, settings, [mount("models", MODELS)])
        ],
        "model": _model(workload, settings),
        "volumes": [{"name": "models", "emptyDir": {}}, *fetch_volumes(source)],
        **{key: value for key, value in optional.items() if value},
    }


def _model(workload: Workload, settings: ServerSettings) -> Manifest:
    """The runtime's container, as far as it is not the runtime's own business."""
    revision = workload.revision
    chosen = _settings(workload)
    ready = {"path": f"/v2/models/{revision.public_name}/ready", "port": PORT}
    return {
        "modelFormat": {"name": revision.format.value},
        "protocolVersion": "v2",
        "runtime": chosen.runtime,
        "storageUri": f"file://{MODEL}",
        "args": [word.replace("{name}", revision.public_name) for word in chosen.args],
        "resources": settings.resources,
        "securityContext": container_security(),
        "readinessProbe": {"httpGet": ready, "timeoutSeconds": 5, "periodSeconds": 1, "failureThreshold": 3},
        "volumeMounts": [
            mount("models", MODEL) | {"subPath": revision.sha256, "readOnly": True},
            mount("tmp", PurePosixPath("/tmp")),  # noqa: S108  a volume of the pod's own
        ],
    }


def _settings(workload: Workload) -> KServeSettings:
    found = workload.revision.engine.kserve
    if found is None:
        raise ValueError(
            f"{workload.revision.name} is of KServe and names no runtime; no such spec is accepted"
        )
    return found
