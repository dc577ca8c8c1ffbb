"""The pod that says what a model's content is, and what it shares with the one that fetches."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from builders import CAPS, START, make_deployment
from fairway.api.status import Artifact, Status
from fairway.core.model import Role, Source, Workload
from fairway.core.revisions import wanted_revision
from fairway.render.kube.fetching import fetch_volumes
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.resolver import resolver_name, resolver_pod
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.kube.workload import frozen, workload_objects

OWNER = Owner("payments", "fraud", "uid-1")
SETTINGS = ServerSettings(fetch_image="registry.example/fairway-operator@sha256:3")
BUCKET = Source("s3://models/fraud/7/", "bucket-keys", "reader")

WHOLE = """
apiVersion: v1
kind: Pod
metadata:
  name: NAME
  namespace: payments
  labels:
    app.kubernetes.io/managed-by: fairway
    fairway.dev/model-deployment: fraud
    fairway.dev/component: resolver
  ownerReferences:
  - {apiVersion: fairway.dev/v1alpha1, kind: ModelDeployment, name: fraud, uid: uid-1,
     controller: true, blockOwnerDeletion: true}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  serviceAccountName: reader
  restartPolicy: OnFailure
  activeDeadlineSeconds: 21600
  terminationGracePeriodSeconds: 10
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: resolve
    image: registry.example/fairway-operator@sha256:3
    imagePullPolicy: IfNotPresent
    command: [fairway-fetch, resolve, --uri, s3://models/fraud/7/, --secret, /var/run/secrets/fairway-store]
    resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {memory: 512Mi}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: store-secret, mountPath: /var/run/secrets/fairway-store, readOnly: true}
  volumes:
  - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
  - {name: store-secret, secret: {secretName: bucket-keys, optional: true, defaultMode: 288}}
"""


def test_a_resolver_is_this_pod() -> None:
    wanted = yaml.safe_load(WHOLE)
    wanted["metadata"]["name"] = resolver_name("fraud", BUCKET, SETTINGS)
    assert resolver_pod(OWNER, BUCKET, SETTINGS) == wanted


def test_another_source_or_image_has_another_pod() -> None:
    """A pod that lives is never changed, so what it does must be in its name."""
    other = ServerSettings(fetch_image="registry.example/fairway-operator@sha256:4")
    sources = (BUCKET, Source(BUCKET.uri), Source(BUCKET.uri, "bucket-keys"), Source("s3://models/fraud/8/"))
    names = {resolver_name("fraud", source, settings) for source in sources for settings in (SETTINGS, other)}
    assert len(names) == 8
    assert max(len(resolver_name("m" * 40, source, SETTINGS)) for source in sources) <= 63


@pytest.mark.parametrize(
    ("uri", "claim"),
    [
        ("pvc://models/fraud/7", "models"),
        ("pvc://models", "models"),
        ("pvc://MODELS/fraud", None),
        ("pvc:models", None),
        ("pvc://[/x", None),
        ("s3://models/fraud", None),
    ],
)
def test_the_claim_of_a_uri_is_mounted_for_reading_only(uri: str, claim: str | None) -> None:
    claims = [
        volume["persistentVolumeClaim"]
        for volume in fetch_volumes(Source(uri))
        if "persistentVolumeClaim" in volume
    ]
    assert claims == ([{"claimName": claim, "readOnly": True}] if claim else [])


def pod_of_a_server(model: dict[str, Any]) -> Manifest:
    md = make_deployment(model={"format": "onnx", **model})
    status = Status(artifact=Artifact(uri=model["uri"], sha256="a" * 64))
    revision = wanted_revision(md, status, CAPS, START)
    assert revision is not None
    workload = Workload("payments", "fraud", revision, Role.STABLE, 30.0)
    objects = workload_objects(workload, frozen(OWNER, workload, SETTINGS), 1)
    (deployment,) = (obj for obj in objects if obj["kind"] == "Deployment")
    template: Manifest = deployment["spec"]["template"]
    return template


def test_what_fetches_has_the_rights_of_the_store_and_what_serves_has_none() -> None:
    template = pod_of_a_server(
        {"uri": "pvc://models/7", "secretRef": {"name": "keys"}, "serviceAccountName": "reader"}
    )
    pod = template["spec"]
    (fetch,), (server,) = pod["initContainers"], pod["containers"]
    assert pod["serviceAccountName"] == "reader"
    assert pod["automountServiceAccountToken"] is False
    assert {"store-secret", "store-claim"} <= {one["name"] for one in fetch["volumeMounts"]}
    assert {one["name"] for one in server["volumeMounts"]} == {"models", "tmp"}
    skipped = template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"]
    assert skipped.split(",") == [one["name"] for one in pod["containers"]]


def test_a_fetch_is_told_the_digest_and_the_place_that_the_server_reads() -> None:
    pod = pod_of_a_server({"uri": "s3://models/7"})["spec"]
    assert pod["initContainers"][0]["command"] == [
        *("fairway-fetch", "get", "--sha256", "a" * 64, "--target", f"/models/{'a' * 64}"),
        *("--uri", "s3://models/7"),
    ]
    server = pod["containers"][0]["command"]
    assert server[server.index("--model") + 1] == f"/models/{'a' * 64}"
