"""A cluster as the target of the verbs: what `kubectl` could do with the resource, in Fairway's words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx2
import yaml
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.types import PatchType

from fairway.adapters.kube.kinds import MODEL, Obj, resource
from fairway.api.manifests import load_object, to_manifest
from fairway.api.status import HandledRequest
from fairway.api.v1alpha1 import REQUEST_ANNOTATION, ModelDeployment
from fairway.cli.target import ANSWER_SECONDS, NotFound, answer_to, new_request, wait_for
from fairway.driver.ports import Ref

PATIENCE_SECONDS = 30.0
"""How long an API server that does not answer is asked again: a job must survive its restart."""
MODELS = resource(MODEL)
T = TypeVar("T")


def open_cluster(kubeconfig: Path | None, context: str | None) -> ClusterTarget:
    """The cluster of a kubeconfig's context; without a file, of the pod that this runs in.

    Raises:
        click.ClickException: there is none, or the file cannot be understood.
    """
    try:
        source = KubeConfig.from_file(kubeconfig) if kubeconfig else KubeConfig.from_service_account()
        config = source.get(context)
    except (ConfigError, OSError, ValueError, KeyError) as error:
        raise click.ClickException(f"no cluster is configured: {error}") from error
    if config is None:
        raise click.ClickException(f"{kubeconfig} has no current context; name one with --context")
    return ClusterTarget(Client(config=config, trust_env=False), config.namespace or "default")


class ClusterTarget:
    """ModelDeployments in an API server."""

    poll_seconds = 0.5
    how_to_start = "is the operator installed, and for this namespace? docs/install.md says how"

    def __init__(self, client: Client, namespace: str) -> None:
        """Wrap a client.

        Args:
            client: of lightkube.
            namespace: where a model is meant to be when nobody says where.
        """
        self._client = client
        self.default_namespace = namespace

    def get(self, ref: Ref) -> ModelDeployment:
        found = self._look(ref)
        if found is None:
            raise NotFound(ref, self.refs())
        return load_object(found, strict=False)

    def list(self, namespace: str | None) -> list[ModelDeployment]:
        items = _asked(lambda: [_whole(obj) for obj in self._client.list(MODELS, namespace=namespace or "*")])
        models = [load_object(obj, strict=False) for obj in items]
        return sorted(models, key=lambda md: (md.metadata.namespace, md.metadata.name))

    def refs(self) -> Sequence[Ref]:
        """Those that the user may see: of his own namespace, if no more is allowed."""
        try:
            found = self.list(None)
        except Refused:
            found = self.list(self.default_namespace)
        return [Ref(md.metadata.namespace, md.metadata.name) for md in found]

    def put(self, md: ModelDeployment) -> tuple[ModelDeployment, bool]:
        """The manifest is the whole truth about the spec; labels and annotations of others stay."""
        wanted = yaml.safe_load(to_manifest(md))
        ref = Ref(md.metadata.namespace, md.metadata.name)
        while True:
            old = self._look(ref)
            try:
                stored = self._create(wanted) if old is None else self._replace(old, wanted)
            except _Moved:
                continue
            is_new = old is None or old["metadata"]["generation"] != stored["metadata"]["generation"]
            return load_object(stored, strict=False), is_new

    def unheeded(self, _md: ModelDeployment) -> str:
        return ""

    def delete(self, ref: Ref) -> bool:
        try:
            _asked(lambda: self._client.delete(MODELS, ref.name, namespace=ref.namespace))
        except _Absent:
            return False
        return True

    def request(self, ref: Ref, verb: str, revision: str | None) -> HandledRequest | None:
        request_id, text = new_request(verb, revision)
        patch = {"metadata": {"annotations": {REQUEST_ANNOTATION: text}}}
        _asked(
            lambda: self._client.patch(
                MODELS, ref.name, patch, namespace=ref.namespace, patch_type=PatchType.MERGE
            )
        )
        return wait_for(lambda: answer_to(request_id, self.get(ref)), ANSWER_SECONDS, self.poll_seconds)

    def is_running(self) -> bool:
        """Always, as far as a user can see: he may not be allowed to look at the operator itself."""
        return True

    def require_running(self) -> None:
        """See `is_running`."""

    def _look(self, ref: Ref) -> Obj | None:
        try:
            return _whole(_asked(lambda: self._client.get(MODELS, ref.name, namespace=ref.namespace)))
        except _Absent:
            return None

    def _create(self, wanted: Obj) -> Obj:
        return _whole(
            _asked(lambda: self._client.create(_typed(wanted), namespace=wanted["metadata"]["namespace"]))
        )

    def _replace(self, old: Obj, wanted: Obj) -> Obj:
        metadata = dict(old["metadata"])
        for part in ("labels", "annotations"):
            metadata[part] = {**(metadata.get(part) or {}), **wanted["metadata"].get(part, {})}
        new = _typed({**old, "metadata": metadata, "spec": wanted["spec"]})
        call = partial(self._client.replace, new, name=metadata["name"], namespace=metadata["namespace"])
        return _whole(_asked(call))


def _typed(obj: Obj) -> Any:
    make: Any = MODELS
    return make(obj)


def _whole(found: Any) -> Obj:
    """As a plain dict that names its kind; the items of a list do not."""
    return {"apiVersion": MODEL.api_version, "kind": MODEL.name, **found}


class Refused(click.ClickException):
    """The API server said no."""


class _Absent(Refused):
    """There is no such object."""


class _Moved(Refused):
    """Somebody wrote it, or made it, at the same time."""


def _asked(call: Callable[[], T]) -> T:
    """What the API server answers; one that is away for a moment is asked again.

    Raises:
        Refused: in its own words.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except ApiError as error:
            status = error.status
            if status.code not in {429, 500, 502, 503, 504} or time.monotonic() >= deadline:
                raise _refusal(status.code, status.message or str(error)) from error
        except httpx2.HTTPStatusError as error:  # no Kubernetes behind it, or a proxy before it
            if error.response.status_code < 500 or time.monotonic() >= deadline:
                raise Refused(f"the API server answered {error.response.status_code}") from error
        except (httpx2.HTTPError, OSError) as error:
            if time.monotonic() >= deadline:
                raise Refused(f"the API server cannot be reached: {error}") from error
        time.sleep(1.0)


def _refusal(code: int | None, message: str) -> Refused:
    if code == 404 and "could not find the requested resource" in message:
        return Refused("this cluster knows no ModelDeployments: install Fairway first (docs/install.md)")
    return {404: _Absent, 409: _Moved}.get(code or 0, Refused)(message)
