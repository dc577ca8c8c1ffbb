"""A real API server with the real controllers, that knows our kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import yaml
from e2e.cluster.apiserver import CONTROLLERS, Apiserver
from e2e.cluster.fixtures import running
from e2e.cluster.rest import Api

from cluster.waiting import eventually

CRD = yaml.safe_load((Path(__file__).parents[2] / "manifests/crd.yaml").read_text())
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@contextlib.contextmanager
def control_plane(folder: Path, *parts: str) -> Iterator[Apiserver]:
    """For one `with`, or a skip where its binaries are missing; `parts` run beside the controllers."""
    with running(folder, CONTROLLERS, *parts) as found:
        api = Api.of(found.kubeconfig("admin"))
        assert api.post(CRDS, CRD).status == 201
        eventually(
            lambda: api.get("/apis/fairway.dev/v1alpha1/modeldeployments").status == 200, "it is served"
        )
        api.close()
        yield found
