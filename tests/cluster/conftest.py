from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from e2e.cluster.fixtures import api, apiserver, kubectl
from e2e.cluster.rest import Api

from cluster.waiting import eventually

CRD = yaml.safe_load((Path(__file__).parents[2] / "manifests/crd.yaml").read_text())
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def crd_conditions(api: Api) -> dict[str, str]:
    """The CRD is there: conditions of it, once it is served."""
    posted = api.post(CRDS, CRD)
    assert posted.status == 201, posted.message

    def conditions() -> dict[str, str]:
        status = api.get(f"{CRDS}/{CRD['metadata']['name']}").body["status"]
        return {item["type"]: item["status"] for item in status.get("conditions") or ()}

    eventually(lambda: conditions().get("Established") == "True", "the CRD is established")
    eventually(lambda: api.get("/apis/fairway.dev/v1alpha1/modeldeployments").status == 200, "it is served")
    return conditions()


@pytest.fixture(scope="session")
def models(api: Api, crd_conditions: dict[str, str]) -> Api:
    """The API, ready for ModelDeployments."""
    assert api.post("/api/v1/namespaces", {"metadata": {"name": "payments"}}).status == 201
    return api


__all__ = ["api", "apiserver", "crd_conditions", "kubectl", "models"]
