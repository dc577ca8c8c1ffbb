"""How the content of a model gets its name, on a real API server; kubelets are played by the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from controller.proxy import FaultProxy
from controller.world import Json, World, manifest

SHA256 = "a" * 64


def unpinned(**model: Any) -> Json:
    """A model in a bucket whose content nobody names."""
    body = manifest("a")
    body["spec"]["model"] = {"uri": "s3://models/a.onnx", "format": "onnx", **model}
    return body


async def resolver(world: World, other_than: str = "") -> Json:
    """The pod that resolves, once it is there."""
    return await pod_with(world, lambda labels: labels.get("fairway.dev/component") == "resolver", other_than)


async def pod_with(world: World, wanted: Callable[[Json], bool], other_than: str = "") -> Json:
    """A pod with such labels, and with another uid."""
    async with asyncio.timeout(40):
        while True:
            for pod in await world.list("pods"):
                metadata = pod["metadata"]
                if wanted(metadata["labels"]) and metadata["uid"] != other_than:
                    return pod
            await asyncio.sleep(0.05)


async def set_status(world: World, pod: Json, status: Json) -> None:
    """Write what a kubelet would."""
    body = {"status": status}
    path = f"{world.path('pods', pod['metadata']['name'])}/status"
    answer = await world.ask("PATCH", path, body, "application/merge-patch+json")
    assert answer.status == 200, answer.body


async def says(world: World, pod: Json, exit_code: int, words: Json, *, phase: str = "Running") -> None:
    """What a kubelet writes once the container has ended."""
    ended = {"exitCode": exit_code, "message": json.dumps(words), "reason": "Completed"}
    state = {"terminated": ended} if exit_code == 0 else {"waiting": {"reason": "CrashLoopBackOff"}}
    container = {
        "name": "resolve",
        "ready": False,
        "restartCount": 1,
        "image": "i",
        "imageID": "",
        "state": state,
        "lastState": {} if exit_code == 0 else {"terminated": ended},
    }
    await set_status(world, pod, {"phase": phase, "containerStatuses": [container]})


def condition(status: Json, kind: str) -> tuple[str, str]:
    found = next((c for c in status.get("conditions", ()) if c["type"] == kind), {})
    return found.get("status", ""), found.get("reason", "")


def message(status: Json, kind: str) -> str:
    return next((str(c["message"]) for c in status.get("conditions", ()) if c["type"] == kind), "")


async def test_a_pod_with_the_users_rights_names_the_content_and_goes(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("serviceaccounts", {"metadata": {"name": "reader"}})
    body = unpinned(secretRef={"name": "keys"}, serviceAccountName="reader")
    await world.create("modeldeployments", body)
    async with world.operator(proxy):
        pod = await resolver(world)
        assert pod["spec"]["serviceAccountName"] == "reader"
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert {"keys"} == {v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v}
        assert pod["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment"
        await says(world, pod, 0, {"sha256": SHA256, "bytes": 1, "files": 1}, phase="Succeeded")
        status = await world.until_live("a")
        await world.until_gone("pods", pod["metadata"]["name"])
        assert status["artifact"] == {"uri": "s3://models/a.onnx", "sha256": SHA256}
        deployment = await world.until_there("deployments", status["stable"])
    spec = deployment["spec"]["template"]["spec"]
    (fetch,) = spec["initContainers"]
    assert fetch["command"][:4] == ["fairway-fetch", "get", "--sha256", SHA256]
    assert "store-secret" in {mount["name"] for mount in fetch["volumeMounts"]}
    assert "store-secret" not in {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}


async def test_what_the_store_says_is_in_the_status_until_it_says_something_better(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", unpinned())
    async with world.operator(proxy):
        pod = await resolver(world)
        words = "there is no bucket models: correct spec.model.uri, or AWS_ENDPOINT_URL"
        await says(world, pod, 1, {"reason": "ModelNotFound", "message": words})
        status = await world.until_status(
            lambda s: condition(s, "Stalled") == ("True", "ModelNotReadable"), "it is stalled"
        )
        assert message(status, "Ready") == words
        await says(world, pod, 1, {"reason": "StoreTimedOut", "message": "the store did not answer in time"})
        await world.until_status(
            lambda s: condition(s, "Reconciling") == ("True", "ResolvingModel"), "it is waited for"
        )
        await says(world, pod, 0, {"sha256": SHA256, "bytes": 1, "files": 1}, phase="Succeeded")
        await world.until_live("a")


async def test_a_resolver_without_a_node_is_waited_for(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", unpinned())
    async with world.operator(proxy):
        pod = await resolver(world)
        scheduled = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes",
        }
        await set_status(world, pod, {"conditions": [scheduled]})
        status = await world.until_status(
            lambda s: "no node takes the pod: 0/3 nodes" in message(s, "Reconciling"), "it says so"
        )
    assert condition(status, "Stalled")[0] == "False"


async def test_an_account_that_is_missing_is_said_and_helps_once_it_is_there(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", unpinned(serviceAccountName="reader"))
    async with world.operator(proxy):
        await world.until_status(
            lambda s: 'serviceaccount "reader" not found' in message(s, "Ready"), "the API server's words"
        )
        await world.create("serviceaccounts", {"metadata": {"name": "reader"}})
        assert await resolver(world)


async def test_a_lost_answer_is_asked_for_again(world: World, proxy: FaultProxy) -> None:
    """Somebody deletes the pod, or it ends without a word: another one takes its place."""
    await world.create("modeldeployments", unpinned())
    async with world.operator(proxy):
        first = await resolver(world)
        await world.delete("pods", first["metadata"]["name"])
        second = await resolver(world, first["metadata"]["uid"])
        await set_status(
            world, second, {"phase": "Failed", "reason": "DeadlineExceeded", "message": "too long"}
        )
        third = await resolver(world, second["metadata"]["uid"])
        await says(world, third, 0, {"sha256": SHA256, "bytes": 1, "files": 1}, phase="Succeeded")
        await world.until_live("a")


async def test_a_pin_needs_no_pod_and_takes_away_one_that_is_there(world: World, proxy: FaultProxy) -> None:
    await world.create("modeldeployments", unpinned())
    async with world.operator(proxy):
        pod = await resolver(world)
        await world.change("modeldeployments", "fraud", {"spec": {"model": {"sha256": SHA256}}})
        await world.until_live("a")
        await world.until_gone("pods", pod["metadata"]["name"])


async def test_an_operator_that_starts_anew_finds_the_answer_of_the_pod_that_is_there(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", unpinned())
    async with world.operator(proxy):
        pod = await resolver(world)
    await says(world, pod, 0, {"sha256": SHA256, "bytes": 1, "files": 1}, phase="Succeeded")
    async with world.operator(proxy):
        await world.until_live("a")
    assert not [call for call in proxy.writes if call.method == "POST" and call.path.endswith("/pods")][1:]


async def test_content_that_changed_before_the_server_fetched_it_is_said(
    world: World, proxy: FaultProxy
) -> None:
    await world.create("modeldeployments", manifest("a"))
    async with world.operator(proxy):
        status = await world.until_status(lambda s: bool(s.get("wanted")), "there is a revision")
        world.sick.add(status["wanted"])

        pod = await pod_with(world, lambda labels: labels.get("fairway.dev/revision") in world.sick)
        words = {"reason": "ModelContentChanged", "message": "https://models/a.onnx now has sha256 b"}
        ended = {"exitCode": 1, "message": json.dumps(words)}
        container = {
            "name": "fetch",
            "ready": False,
            "restartCount": 1,
            "image": "i",
            "imageID": "",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": ended},
        }
        fallen = {"type": "Ready", "status": "False"}
        await set_status(world, pod, {"conditions": [fallen], "initContainerStatuses": [container]})
        status = await world.until_status(
            lambda s: condition(s, "Degraded") == ("True", "ModelContentChanged"), "it is said"
        )
    assert "now has sha256 b" in message(status, "Degraded")
