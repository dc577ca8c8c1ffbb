"""The store of models in the cluster, and the Secret that lets a namespace read it."""

from __future__ import annotations

import base64
from typing import Any

from e2e.models import ALL

NAMESPACE = "e2e-store"
PORT = 9000
SECRET = "store"
_LABELS = {"app": "store"}


def uri(file: str) -> str:
    return f"s3://models/{file}"


def credentials(namespace: str) -> dict[str, Any]:
    """What `spec.model.secretRef` names."""
    values = {
        "AWS_ACCESS_KEY_ID": "e2e",
        "AWS_SECRET_ACCESS_KEY": "e2e",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://store.{NAMESPACE}.svc:{PORT}",
    }
    metadata = {"name": SECRET, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def store(image: str) -> list[dict[str, Any]]:
    """Everything that makes it, with all models in it."""
    meta = {"name": "store", "namespace": NAMESPACE}
    content = {model.file: base64.b64encode(model.content).decode() for model in ALL}
    container = {
        "name": "store",
        "image": image,
        "command": ["python", "-m", "e2e.pods.store", "/models", "--port", str(PORT)],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    pod = {"containers": [container], "volumes": [{"name": "models", "configMap": {"name": "store"}}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "binaryData": content},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": _LABELS, "ports": [{"port": PORT}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": pod},
            },
        },
    ]
