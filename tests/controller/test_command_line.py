"""`fairway` against a cluster: a real API server, a real operator, the command as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

import yaml

from controller.proxy import FaultProxy, refusal
from controller.world import World, manifest

AT_ONCE = {"steps": [{"weight": 50, "minDuration": "0s", "maxDuration": "1s"}], "bake": {"duration": "0s"}}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


async def fairway(world: World, *arguments: str, stdin: str = "", environment: bool = True) -> Said:
    """The command with this cluster as the usual one; the namespace is named as a user would."""
    known = {"KUBECONFIG": str(world.kubeconfig)} if environment else {"KUBECONFIG": os.devnull}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fairway.cli.main", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **known, "XDG_STATE_HOME": str(world.folder / "state"), "COLUMNS": "200"},
    )
    out, err = await process.communicate(stdin.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


def model(letter: str, **rollout: Any) -> str:
    wanted = manifest(letter)
    wanted["metadata"].pop("namespace", None)
    wanted["spec"]["rollout"] = rollout or AT_ONCE
    return yaml.safe_dump(wanted)


async def test_a_job_waits_until_its_model_is_live(world: World, proxy: FaultProxy) -> None:
    async with world.operator(proxy):
        arguments = ("apply", "-f", "-", "-n", world.namespace, "--wait", "--timeout", "60s", "-o", "json")
        said = await fairway(world, *arguments, stdin=model("a"))
        assert said.code == 0, said
        told = json.loads(said.out)
        assert (told["exit"], told["revision"]) == (0, (await world.status())["stable"])
        again = await fairway(world, *arguments, stdin=model("a"))
    assert (again.code, "unchanged" in again.err) == (0, True)


async def test_the_spec_in_the_cluster_becomes_what_the_file_says_and_nothing_else(world: World) -> None:
    """What somebody else wrote into the spec goes; labels of others stay."""
    written = yaml.safe_load(model("a"))
    written["metadata"] |= {"namespace": world.namespace, "labels": {"team": "a"}}
    written["spec"]["nodeSelector"] = {"zone": "a"}
    await world.create("modeldeployments", written)
    said = await fairway(world, "apply", "-f", "-", "-n", world.namespace, stdin=model("b"))
    assert said.code == 0, said
    stored = await world.get("modeldeployments", "fraud")
    assert stored is not None
    assert stored["metadata"]["labels"] == {"team": "a"}
    assert not stored["spec"].get("nodeSelector")
    assert stored["spec"]["model"]["sha256"] == "b" * 64


async def test_a_rollout_is_paused_and_ended_by_verbs_and_the_answers_are_told(
    world: World, proxy: FaultProxy
) -> None:
    slow = {"steps": [{"weight": 10, "minDuration": "1h", "maxDuration": "2h"}]}
    async with world.operator(proxy):
        first = await fairway(
            world, "apply", "-f", "-", "-n", world.namespace, "--wait", stdin=model("a", **slow)
        )
        assert first.code == 0, first
        await fairway(world, "apply", "-f", "-", "-n", world.namespace, stdin=model("b", **slow))
        await world.until_status(lambda status: status.get("phase") == "Canary", "in the canary")
        paused = await fairway(world, "pause", "fraud", "-n", world.namespace)
        wrong = await fairway(world, "promote", "fraud", "-n", world.namespace, "--revision", "fraud-0")
        ended = await fairway(world, "abort", "fraud", "-n", world.namespace)
        waited = await fairway(world, "status", "fraud", "-n", world.namespace, "-w", "--timeout", "40s")
    assert (paused.code, wrong.code, ended.code) == (0, 1, 0), (paused, wrong, ended)
    assert "refused" in wrong.err
    assert waited.code == 8, waited


async def test_what_the_cluster_has_is_listed_and_goes_when_asked(world: World) -> None:
    await fairway(world, "apply", "-f", "-", "-n", world.namespace, stdin=model("a"))
    listed = await fairway(world, "get", "-n", world.namespace)
    assert "fraud" in listed.out
    missing = await fairway(world, "status", "fraude", "-n", world.namespace)
    assert (missing.code, "did you mean fraud?" in missing.err) == (1, True), missing
    gone = await fairway(world, "delete", "fraud", "-n", world.namespace)
    again = await fairway(world, "delete", "fraud", "-n", world.namespace)
    assert (gone.code, again.code) == (0, 1)
    assert "there is no ModelDeployment" in again.err


async def test_a_cluster_that_is_named_wins_and_one_that_is_wrong_is_said(world: World) -> None:
    named = await fairway(
        world, "get", "-n", world.namespace, "--kubeconfig", str(world.kubeconfig), environment=False
    )
    assert named.code == 0, named
    context = await fairway(world, "get", "--context", "elsewhere")
    assert (context.code, "elsewhere" in context.err) == (1, True), context
    both = await fairway(world, "get", "--context", "x", "--state-dir", str(world.folder))
    assert (both.code, "--state-dir names a local Fairway" in both.err) == (2, True), both


async def test_an_api_server_that_restarts_does_not_end_a_job(world: World, proxy: FaultProxy) -> None:
    """Its calls fail for a moment; the job asks again."""
    world.kubeconfig, direct = proxy.kubeconfig, world.kubeconfig
    try:
        refused = iter([refusal(503)] * 3)
        proxy.fault = lambda _call: next(refused, None)
        said = await fairway(world, "apply", "-f", "-", "-n", world.namespace, stdin=model("a"))
    finally:
        world.kubeconfig = direct
    assert said.code == 0, said
    assert await world.get("modeldeployments", "fraud") is not None
