from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import CAPS, START, artifact, digest, make_deployment
from fairway.api.status import MAX_REVISIONS, Artifact, Status
from fairway.core.model import ArtifactState, Capabilities, Health, WorkloadHealth
from fairway.core.revisions import wanted_revision
from harbour import Harbour, live, rolling

KNOWN = Status(artifact=Artifact(uri="file:/models/a", sha256=digest("a")))


def _name(caps: Capabilities = CAPS, status: Status = KNOWN, **spec: Any) -> str:
    revision = wanted_revision(make_deployment(**spec), status, caps, START)
    assert revision is not None
    return revision.name


@pytest.mark.parametrize(
    "spec",
    [
        {"model": {"uri": "file:/models/a", "format": "onnx", "name": "other"}},
        {"engine": {"type": "OnnxRuntime", "onnxRuntime": {"threads": 2}}},
        {"model": {"uri": "file:/models/a", "format": "onnx", "secretRef": {"name": "store"}}},
        {"model": {"uri": "file:/models/a", "format": "onnx", "serviceAccountName": "reader"}},
        {"resources": {"limits": {"memory": "1Gi"}}},
        {"gpu": {"count": 1}},
        {"nodeSelector": {"zone": "a"}},
        {"podTemplate": {"env": [{"name": "A"}]}},
    ],
    ids=["public name", "engine settings", "secret", "account", "resources", "gpu", "nodes", "environment"],
)
def test_what_changes_answers_or_servers_makes_a_new_revision(spec: dict[str, Any]) -> None:
    assert _name(**spec) != _name()


@pytest.mark.parametrize(
    "spec",
    [
        {"rollout": {"bake": {"duration": "3m"}}},
        {"traffic": {"timeouts": {"request": "3s"}}},
        {"scaling": {"min": 2, "max": 3}},
        {"resources": {"limits": {}}},
        {"model": {"uri": "file:/models/a", "format": "onnx", "sha256": digest("a")}},
        {"model": {"uri": "file:/models/a", "format": "onnx", "name": "fraud"}},
    ],
    ids=["rollout", "traffic", "scaling", "empty resources", "pin", "public name written out"],
)
def test_what_changes_neither_makes_no_new_revision(spec: dict[str, Any]) -> None:
    assert _name(**spec) == _name()


@pytest.mark.parametrize("settings", [{}, {"threads": 1}, {"threads": 1, "maxQueue": 100}])
def test_writing_out_a_default_makes_no_new_revision(settings: dict[str, int]) -> None:
    """Else a setting that a newer Fairway adds, with its default, would re-roll a fleet on the day it is
    upgraded."""
    assert _name(engine={"type": "OnnxRuntime", "onnxRuntime": settings}) == _name()


def test_the_same_content_under_another_uri_is_the_same_revision() -> None:
    elsewhere = Status(artifact=Artifact(uri="file:/models/moved", sha256=digest("a")))
    assert _name(status=elsewhere, uri="file:/models/moved") == _name()


def test_a_move_of_the_model_is_no_rollout() -> None:
    harbour = live()
    harbour.edit(uri="file:/models/a-moved")
    harbour.run(timedelta(minutes=5))
    assert (harbour.status.phase, harbour.status.candidate) == ("Stable", None)
    assert harbour.condition("Ready")[0] == "True"


def test_a_revision_is_unknown_until_its_content_is() -> None:
    assert wanted_revision(make_deployment(uri="file:/models/b"), KNOWN, CAPS, START) is None


def test_a_newer_server_image_alone_makes_no_new_revision() -> None:
    harbour = live()
    harbour.caps = Capabilities(CAPS.host, {"OnnxRuntime": "newer"})
    harbour.run(timedelta(hours=1))
    assert (harbour.status.phase, harbour.status.candidate) == ("Stable", None)


def test_a_newer_server_image_comes_with_the_next_revision_and_not_with_the_way_back() -> None:
    harbour = live()
    harbour.caps = Capabilities(CAPS.host, {"OnnxRuntime": "newer"})
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    revision = harbour.status.revision(harbour.candidate)
    assert revision is not None
    assert revision.runtime == "newer"
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Stable")
    harbour.run(timedelta(minutes=1))
    assert harbour.status.wanted == harbour.stable
    assert [harbour.letter(r) for r in harbour.workloads] == ["a"]


def _roll_out(harbour: Harbour, number: int, *, good: bool) -> None:
    uri = f"file:/models/{number:x}"
    harbour.contents[uri] = ArtifactState(uri, f"{number:064x}")
    harbour.edit(uri=uri)
    harbour.run_to("Warming")
    if good:
        harbour.run_to("Canary")
        harbour.ask("promote", full=True)
        harbour.run_to("Stable")
    else:
        harbour.ask("abort")
        harbour.run_to("RolledBack")


def test_the_stable_revision_is_remembered_however_many_are_sent_back() -> None:
    """A forgotten stable revision would be taken down while it has all traffic."""
    harbour = live()
    stable = harbour.stable
    for number in range(1, 3 * MAX_REVISIONS):
        _roll_out(harbour, number, good=False)
        assert harbour.stable == stable
        assert harbour.status.revision(stable) is not None
        assert stable in harbour.workloads
    assert len(harbour.status.revisions) == MAX_REVISIONS
    assert len(harbour.status.rejected) == MAX_REVISIONS


def test_the_oldest_revisions_without_a_role_are_forgotten_first() -> None:
    harbour = live(make_deployment(rollout={"bake": {"duration": "0s"}}))
    for number in range(1, 15):
        _roll_out(harbour, number, good=True)
    numbers = [int(r.sha256, 16) for r in harbour.status.revisions]
    assert numbers == list(range(15 - MAX_REVISIONS, 15))
    assert harbour.status.previous == harbour.status.revisions[-2].name


def test_going_back_to_a_remembered_revision_is_a_rollout_of_that_revision() -> None:
    harbour = live()
    first = harbour.stable
    harbour.edit(uri="file:/models/b")
    harbour.run_to("Canary")
    harbour.ask("promote", full=True)
    harbour.run_to("Stable")
    harbour.edit(uri="file:/models/a")
    harbour.run_to("Canary")
    assert harbour.candidate == first


def test_a_status_stays_small_after_200_rollouts_with_chatty_servers() -> None:
    """The harbour holds every single status against the limit of 16 KiB."""
    words = "CUDA error: out of memory while loading layer /encoder/attention/MatMul_17 " * 40
    harbour = live()
    for number in range(1, 201):
        uri = f"file:/models/{number:x}" + "/long-folder-name" * 8
        harbour.contents[uri] = ArtifactState(uri, f"{number:064x}")
        harbour.edit(uri=uri)
        harbour.run_to("Warming")
        if number % 3 == 0:
            harbour.set_health(harbour.candidate, WorkloadHealth(Health.FAILED, words))
            harbour.run_to("RolledBack")
        elif number % 3 == 1:
            harbour.ask("abort", revision=words)
            harbour.ask("abort")
            harbour.run_to("RolledBack")
        else:
            harbour.run_to("Canary")
            harbour.ask("promote", full=True)
            harbour.run_to("Stable")
    assert harbour.status.history


def test_a_status_stays_small_however_much_is_said_about_the_pods() -> None:
    """Revisions with a role are remembered whole; others make room."""
    harbour = live()
    for number in range(8):
        env = [{"name": f"V{number}", "value": "x" * 1000}, {"name": "W", "value": "x" * 1000}]
        harbour.edit(podTemplate={"env": env})
        harbour.run_to("Canary")
        harbour.ask("promote", full=True)
        harbour.run_to("Stable")
        assert harbour.status.stable == harbour.status.wanted
        assert harbour.status.revision(harbour.status.stable) is not None


def test_more_about_the_pods_than_can_be_remembered_is_refused() -> None:
    env = [{"name": f"V{number}", "value": "x" * 1000} for number in range(3)]
    with pytest.raises(ValueError, match="at most 3072 can be remembered"):
        make_deployment(podTemplate={"env": env})


def test_a_revision_keeps_what_it_was_made_from() -> None:
    harbour = rolling("Canary")
    revision = harbour.status.revision(harbour.candidate)
    assert revision is not None
    assert (revision.uri, revision.sha256) == ("file:/models/b", artifact("file:/models/b").sha256)
    assert (revision.public_name, revision.runtime) == ("fraud", "fairway_onnx")
