"""CPU, memory and GPUs of a server's container: the user's words over the operator's."""

from __future__ import annotations

from fairway.api.pod import Gpu, PodInputs
from fairway.render.kube.labels import Manifest

GPU = "nvidia.com/gpu"


def server_resources(pod: PodInputs, defaults: Manifest) -> Manifest:
    """The container's `resources`.

    Of each resource that the user says anything about, only the user's words count: a default request above
    the user's limit, or a default limit below the user's request, would be refused.

    Args:
        pod: what the user says.
        defaults: the operator's, as in a pod.
    """
    said = {*pod.resources.requests, *pod.resources.limits}
    found: Manifest = {}
    for part, own in (("requests", pod.resources.requests), ("limits", pod.resources.limits)):
        kept = {name: amount for name, amount in defaults.get(part, {}).items() if name not in said}
        amounts = {**kept, **own, **_gpus(pod.gpu)}
        if amounts:
            found[part] = amounts
    return {**{key: value for key, value in defaults.items() if key not in {"requests", "limits"}}, **found}


def gpu_resource(gpu: Gpu) -> str:
    """What NVIDIA's device plugin calls it: whole GPUs, or slices of one size (MIG strategy "mixed")."""
    return GPU if gpu.mig is None else f"nvidia.com/mig-{gpu.mig}"


def _gpus(gpu: Gpu | None) -> dict[str, str]:
    """An extended resource is requested and limited alike; Kubernetes takes nothing else."""
    return {} if gpu is None else {gpu_resource(gpu): str(gpu.count)}
