"""Finds out what a model's content is, by a pod of the model's own namespace: the operator reads no Secret.

With a pin nothing is asked: the fetch in front of the server checks it.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from fairway.adapters.kube.kinds import POD
from fairway.adapters.kube.objects import Fence, Objects, owned_by
from fairway.adapters.kube.resolver_answer import is_spent, read_answer
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import ArtifactState, Needs, Source
from fairway.render.kube.fetching import SCHEMES, scheme_of
from fairway.render.kube.labels import Owner
from fairway.render.kube.resolver import resolver_labels, resolver_name, resolver_pod
from fairway.render.kube.server_settings import ServerSettings

log = structlog.get_logger()

TROUBLE = "resolver"
"""Under this name it is remembered why a pod could not be made; no revision has it."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Makes resolvers, reads their answers from the cache and takes them away."""

    objects: Objects
    settings: ServerSettings

    def look(self, md: ModelDeployment, ask: Needs, trouble: str | None) -> ArtifactState:
        """What is known of the content now.

        Args:
            md: of which model.
            ask: what the decision wants to know.
            trouble: why the API server made no pod, if so.
        """
        if (known := known_without_asking(ask.artifact, ask.pin)) is not None:
            return known
        name = resolver_name(md.metadata.name, Source.of(md.spec.model), self.settings)
        pod = self.objects.cache.get(POD, md.metadata.namespace, name)
        if pod is not None and not owned_by(md.metadata.uid)(pod):
            pod = None  # of an earlier model of this name, or somebody's own: it is not asked
        if pod is None and trouble is not None:
            return ArtifactState(ask.artifact, error=f"nobody can read the model: {trouble}")
        return read_answer(pod, ask.artifact)

    async def follow(self, md: ModelDeployment, owner: Owner, source: Source | None, fence: Fence) -> None:
        """Have the pod that is wanted, and no other.

        Raises:
            KubeError, Conflict: it could not be made or taken away.
        """
        wanted = source if source is not None and scheme_of(source.uri) in SCHEMES else None
        name = resolver_name(owner.name, wanted, self.settings) if wanted is not None else None
        is_ours = owned_by(md.metadata.uid)
        for pod in self.objects.cache.select(POD, owner.namespace, resolver_labels(owner.name)):
            found = pod["metadata"]["name"]
            if (
                (found != name or is_spent(pod))
                and is_ours(pod)
                and "deletionTimestamp" not in pod["metadata"]
            ):
                await self.objects.remove(POD, owner.namespace, found, is_ours)
                log.info("took a resolver away", pod=found)
        if wanted is not None and name is not None:
            source = wanted
            await self.objects.keep(
                POD, owner.namespace, name, lambda: resolver_pod(owner, source, self.settings), is_ours, fence
            )


def known_without_asking(uri: str, pin: str | None) -> ArtifactState | None:
    """What needs no pod: content that the user names, and a store that no pod can read."""
    if scheme_of(uri) not in SCHEMES:
        schemes = ", ".join(f"{scheme}:" for scheme in sorted(SCHEMES))
        return ArtifactState(uri, error=f"{scheme_of(uri)}: is not served in a cluster; use one of {schemes}")
    return None if pin is None else ArtifactState(uri, sha256=pin)
