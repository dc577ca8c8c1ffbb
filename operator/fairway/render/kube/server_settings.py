"""What the operator's administrator chooses for all model servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairway.render.kube.labels import Manifest


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the operator's administrator chooses for all model servers.

    Attributes:
        fetch_image: has the command `fairway-fetch`.
        resources: of the server's container, as in a pod. No limit of memory unless somebody sets one: nobody
            but the model's author knows how much it needs.
        image_pull_policy, image_pull_secrets, node_selector, tolerations: as in a pod.
    """

    fetch_image: str
    resources: Manifest = field(default_factory=lambda: {"requests": {"cpu": "100m", "memory": "256Mi"}})
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Manifest, ...] = ()
