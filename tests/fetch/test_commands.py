"""`fairway-fetch` as Kubernetes runs it: a process with arguments, mounted files, signals and last words."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fetch.web_server import WebServer
from fetch.world import Bucket, sha, tree

CONTENT = bytes(range(256)) * 4000
MEMORY_MIB = 96
"""Of a process that fetches; the libraries alone take half of it."""
PROGRAM = """
import sys
from fairway.fetch.commands import run
code = run(sys.argv[1:])
# Not getrusage: that counts what the parent of a process had before it.
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""


class Pod:
    """Starts the command with the folders that a pod has."""

    def __init__(self, folder: Path) -> None:
        self.termination = folder / "termination-log"
        self.termination.touch()
        self.secret = folder / "secret"
        self.secret.mkdir()
        (self.secret / "..data").mkdir()
        self.target = folder / "models" / "m"
        self.running: list[Process] = []

    async def start(self, *words: str, before: Callable[[], None] | None = None) -> Process:
        found = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, *words, "--secret", str(self.secret)),
            *("--termination", str(self.termination)),
            stdout=PIPE,
            stderr=PIPE,
            preexec_fn=before,
        )
        self.running.append(found)
        return found

    async def get(self, uri: str, sha256: str, before: Callable[[], None] | None = None) -> Process:
        words = ("get", "--uri", uri, "--sha256", sha256, "--target", str(self.target))
        return await self.start(*words, before=before)

    @property
    def last_words(self) -> dict[str, Any]:
        return dict(json.loads(self.termination.read_text()))


@pytest.fixture
async def pod(tmp_path: Path, web: WebServer) -> AsyncIterator[Pod]:
    found = Pod(tmp_path)
    (found.secret / "CA_CERTIFICATES").write_text(web.access.secret["CA_CERTIFICATES"])
    yield found
    for process in found.running:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process: Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_resolve_leaves_its_answer_as_last_words(web: WebServer, pod: Pod) -> None:
    web.files["/m.onnx"] = CONTENT
    code, out, _ = await ended(await pod.start("resolve", "--uri", f"{web.url}/m.onnx"))
    assert code == 0
    assert pod.last_words == {"sha256": sha(CONTENT), "bytes": len(CONTENT), "files": 1} == json.loads(out)


async def test_a_failure_leaves_a_reason_and_a_sentence(web: WebServer, pod: Pod) -> None:
    code, _, err = await ended(await pod.start("resolve", "--uri", f"{web.url}/m.onnx?token=s3cret"))
    assert code == 1
    words = {
        "reason": "ModelNotFound",
        "message": f"there is nothing at {web.url}/m.onnx (HTTP 404): correct ",
    }
    words["message"] += "spec.model.uri"
    assert pod.last_words == words
    assert "s3cret" not in err


async def test_changed_content_is_named_as_such(web: WebServer, pod: Pod) -> None:
    web.files["/m.onnx"] = CONTENT
    code, _, _ = await ended(await pod.get(f"{web.url}/m.onnx", sha(b"what was resolved")))
    assert code == 1
    assert pod.last_words["reason"] == "ModelContentChanged"
    assert not pod.target.exists()


async def test_the_keys_of_a_mounted_secret_open_a_bucket(bucket: Bucket, pod: Pod) -> None:
    bucket.put("m.onnx", CONTENT)
    for key, value in bucket.access().secret.items():
        (pod.secret / key).write_text(value)
    code, _, _ = await ended(await pod.get(f"s3://{bucket.name}/m.onnx", sha(CONTENT)))
    assert code == 0
    assert tree(pod.target.parent) == {"m/model.onnx": CONTENT}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restarted_container_goes_on_where_the_last_one_ended(
    web: WebServer, pod: Pod, end: signal.Signals
) -> None:
    web.files["/m.onnx"] = CONTENT
    web.hold_after = len(CONTENT) // 2
    process = await pod.get(f"{web.url}/m.onnx", sha(CONTENT))
    await asyncio.wait_for(web.held.wait(), 30)
    part = pod.target.parent / ".m.part/files/model.onnx"
    async with asyncio.timeout(30):
        while not part.exists() or part.stat().st_size == 0:
            await asyncio.sleep(0.01)
    process.send_signal(end)
    code, _, _ = await ended(process)
    assert code == (143 if end is signal.SIGTERM else -signal.SIGKILL)
    assert not pod.target.exists(), "half a model is no model"
    if end is signal.SIGTERM:
        assert pod.last_words["reason"] == "Interrupted"
    web.hold_after = None
    web.go_on.set()
    code, _, err = await ended(await pod.get(f"{web.url}/m.onnx", sha(CONTENT)))
    assert code == 0, err
    assert tree(pod.target.parent) == {"m/model.onnx": CONTENT}
    assert [("Range" in asked) for asked in web.asked] == [False, True]


async def test_what_a_broken_disk_left_is_read_anew(web: WebServer, pod: Pod) -> None:
    """A part whose bytes are not those that were fetched must not make the model unfetchable for good."""
    web.files["/m.onnx"] = CONTENT
    web.hold_after = len(CONTENT) // 2
    process = await pod.get(f"{web.url}/m.onnx", sha(CONTENT))
    await asyncio.wait_for(web.held.wait(), 30)
    part = pod.target.parent / ".m.part/files/model.onnx"
    async with asyncio.timeout(30):
        while not part.exists() or part.stat().st_size == 0:
            await asyncio.sleep(0.01)
    process.kill()
    await ended(process)
    part.write_bytes(b"\0" * part.stat().st_size)
    web.hold_after = None
    web.go_on.set()
    code, _, err = await ended(await pod.get(f"{web.url}/m.onnx", sha(CONTENT)))
    assert code == 0, err
    assert tree(pod.target.parent) == {"m/model.onnx": CONTENT}


async def test_a_full_volume_is_said(web: WebServer, pod: Pod) -> None:
    """The limit on a file's size stands for a volume's: both end in the same kind of error."""
    web.files["/m.onnx"] = CONTENT
    limit = len(CONTENT) // 2
    process = await pod.get(
        f"{web.url}/m.onnx",
        sha(CONTENT),
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    code, _, _ = await ended(process)
    assert code == 1
    assert pod.last_words["reason"] == "DiskTrouble"
    assert "the volume for models cannot take this one: File too large" in pod.last_words["message"]
    assert not pod.target.exists()


async def test_a_big_model_takes_little_memory(web: WebServer, pod: Pod) -> None:
    content = bytes(256 << 20)
    web.files["/m.onnx"] = content
    code, _, err = await ended(await pod.get(f"{web.url}/m.onnx", sha(content)))
    assert code == 0, err
    assert (pod.target / "model.onnx").stat().st_size == len(content)
    peak = next(int(line.split()[1]) for line in err.splitlines() if line.startswith("VmHWM"))
    assert peak < MEMORY_MIB * 1024, f"{peak / 1024:.0f} MiB"


async def test_a_secret_that_is_missing_is_said(web: WebServer, pod: Pod) -> None:
    """Its volume is optional, as a pod that waits for a Secret says nothing in its status."""
    (pod.secret / "CA_CERTIFICATES").unlink()
    code, _, _ = await ended(await pod.start("resolve", "--uri", f"{web.url}/m.onnx"))
    assert code == 1
    assert pod.last_words["reason"] == "ModelAccessDenied"
    assert "spec.model.secretRef names does not exist or is empty" in pod.last_words["message"]


async def test_a_wrong_call_is_said(pod: Pod) -> None:
    code, _, err = await ended(await pod.start("get", "--uri", "s3://bucket/m"))
    assert code == 2
    assert "--sha256" in err
