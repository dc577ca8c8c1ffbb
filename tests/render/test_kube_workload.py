"""What a revision is made of, and that it stays so."""

from __future__ import annotations

import json
from dataclasses import replace

from builders import CAPS, START, make_deployment
from fairway.api.status import Artifact, Status
from fairway.core.model import Role, Workload
from fairway.core.revisions import wanted_revision
from fairway.render.kube.labels import Manifest, Owner
from fairway.render.kube.server_settings import ServerSettings
from fairway.render.kube.workload import PATIENCE_SECONDS, frozen, workload_objects

OWNER = Owner("payments", "fraud", "uid-1")
SETTINGS = ServerSettings(fetch_image="registry.example/fairway-operator@sha256:3")
KNOWN = Status(artifact=Artifact(uri="https://models/a", sha256="a" * 64))


def workload(timeout_seconds: float = 30.0) -> Workload:
    revision = wanted_revision(make_deployment(uri="https://models/a"), KNOWN, CAPS, START)
    assert revision is not None
    return Workload("payments", "fraud", revision, Role.STABLE, timeout_seconds)


def deployment(objects: tuple[Manifest, ...]) -> Manifest:
    (found,) = (obj for obj in objects if obj["kind"] == "Deployment")
    return found


def argument(objects: tuple[Manifest, ...], flag: str) -> str:
    (server,) = deployment(objects)["spec"]["template"]["spec"]["containers"]
    value: str = server["command"][server["command"].index(flag) + 1]
    return value


def test_a_revision_is_what_was_kept_of_it_however_it_would_be_rendered_now() -> None:
    kept = frozen(OWNER, workload(), SETTINGS)
    now = frozen(OWNER, workload(), replace(SETTINGS, image_pull_policy="Always"))
    assert workload_objects(workload(), kept, 1) != workload_objects(workload(), now, 1)
    assert workload_objects(workload(), json.loads(json.dumps(kept)), 1) == workload_objects(
        workload(), kept, 1
    )


def test_how_many_servers_there_are_is_no_part_of_what_is_applied() -> None:
    """An applied number that is given up falls back to 1: an autoscaler would start with the loss of pods."""
    kept = frozen(OWNER, workload(), SETTINGS)
    made = deployment(workload_objects(workload(), kept, 3))
    assert "replicas" not in made["spec"]


def test_a_server_gives_up_on_no_request_that_the_router_may_still_wait_for() -> None:
    """The router's limit may be raised while the servers run; theirs cannot."""
    patient, short = (
        workload_objects(workload(), frozen(OWNER, workload(s), SETTINGS), 1) for s in (900.0, 1.0)
    )
    assert argument(patient, "--request-timeout") == "900"
    assert argument(short, "--request-timeout") == f"{PATIENCE_SECONDS:g}"


def test_the_record_and_all_that_it_holds_belong_to_the_model() -> None:
    kept = frozen(OWNER, workload(), SETTINGS)
    for obj in (kept, *workload_objects(workload(), kept, 1)):
        (owner,) = obj["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == ("uid-1", True)
        assert obj["metadata"]["name"] == workload().revision.name
