"""What makes every pod of ours fit Pod Security *restricted*, in one place: a pod cannot be forgotten."""

from __future__ import annotations

from pathlib import PurePosixPath

from fairway.render.kube.labels import Manifest


def pod_security(user: int) -> Manifest:
    """A pod's security context: this user, who is not root, and the runtime's filter of system calls."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Manifest:
    """A container's security context: no new rights, no capabilities, nothing written outside its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def mount(volume: str, path: PurePosixPath) -> Manifest:
    """Where a container may write."""
    return {"name": volume, "mountPath": str(path)}
