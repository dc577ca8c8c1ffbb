"""`make demo`: a better model goes live and a broken one is sent back, by evidence, through a real Envoy.

Everything here is done as a user would do it: one `fairway local up` that watches a manifest, and one
`fairway apply --wait` for each change, whose exit code is the verdict. The last line is one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from examples.demo.client import make_requests
from examples.demo.load import Load
from examples.demo.models import build
from examples.demo.progress import Progress
from examples.demo.tally import Tally
from examples.demo.up import FairwayUp

MODEL = "tumour"
CLIENTS = 8
LIMIT_SECONDS = 240


async def play(folder: Path, progress: Progress) -> dict[str, Any]:
    """Train, serve, release twice; what came of it."""
    progress.say("training three models on scikit-learn's breast cancer data and converting them to ONNX")
    reports = await asyncio.to_thread(build, folder)
    for name in ("v1", "v2", "v3"):
        report = reports[f"{MODEL}-{name}"]
        progress.say(f"  {name}: {report.training_accuracy:.1%} right on its training rows")
    rows = json.loads((folder / f"{MODEL}-rows.json").read_text(encoding="utf-8"))
    async with FairwayUp(folder / "state", progress) as fairway:
        progress.say("fairway apply -f tumour-v1.yaml --wait")
        first = await fairway.apply(folder / f"{MODEL}-v1.yaml")
        port = fairway.status(MODEL)["port"]
        progress.say(f"{CLIENTS} users send real rows to http://127.0.0.1:{port} as fast as answers come")
        load = Load("127.0.0.1", port, make_requests(MODEL, rows["rows"], rows["labels"]), clients=CLIENTS)
        async with load:
            progress.watch(lambda: fairway.status(MODEL), load.snapshot)
            progress.say("v2 is better: fairway apply -f tumour-v2.yaml --wait")
            second = await fairway.apply(folder / f"{MODEL}-v2.yaml")
            good = fairway.status(MODEL)
            progress.say("v3 fails on rows that training never saw: fairway apply -f tumour-v3.yaml --wait")
            third = await fairway.apply(folder / f"{MODEL}-v3.yaml")
            end = fairway.status(MODEL)
            await progress.unwatch()
        _say_accuracy(progress, load.snapshot(), {first.revision: "v1", second.revision: "v2"})
        _say_failures(progress, load.snapshot())
        return _result(load.snapshot(), good, end, (first.code, second.code, third.code), third.revision)


def _say_failures(progress: Progress, tally: Tally) -> None:
    if not tally.failures:
        return
    failures = {name or "(none)": counts.failures for name, counts in tally.revisions.items()}
    by_revision = {name: count for name, count in failures.items() if count}
    progress.say(
        f"  failed answers by revision: {by_revision}; connections lost {tally.lost}, "
        f"refused {tally.refused}, timed out {tally.timed_out}, unreadable {tally.unreadable}"
    )


def _result(
    tally: Tally, good: dict[str, Any], end: dict[str, Any], codes: tuple[int, ...], bad_revision: str
) -> dict[str, Any]:
    outcome = good["rollout"]["outcome"]
    safe = all(step["result"] == "Safe" for step in good["rollout"]["steps"])
    of_candidate = tally.revisions[bad_revision].failures
    return {
        "promoted": codes[:2] == (0, 0) and outcome == "Promoted" and safe,
        "rolled_back": codes[2] == 3 and end["rollout"]["outcome"] == "Regression",
        "requests": tally.requests,
        "failed_requests_stable": tally.failures - of_candidate,
        "failed_requests_candidate": of_candidate,
        "final_revision": end["stable"],
    }


def _say_accuracy(progress: Progress, tally: Tally, names: dict[str, str]) -> None:
    for revision, name in names.items():
        accuracy = tally.revisions[revision].accuracy
        if accuracy is not None:
            progress.say(f"  {name} was right on {accuracy:.1%} of the rows that users sent")


def holds(result: dict[str, Any]) -> bool:
    """Whether the demo showed what it is there to show."""
    return bool(
        result["promoted"]
        and result["rolled_back"]
        and result["failed_requests_stable"] == 0
        and 0 < result["failed_requests_candidate"] <= 40
    )


async def _main() -> int:
    began = time.monotonic()
    progress = Progress(began)
    with tempfile.TemporaryDirectory(prefix="fairway-demo-") as folder:
        async with asyncio.timeout(LIMIT_SECONDS):
            result = await play(Path(folder), progress)
    result["seconds"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if holds(result) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
