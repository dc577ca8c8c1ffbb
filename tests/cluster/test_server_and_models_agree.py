"""Odd spellings: what our models take, the API server takes, and the other way round.

One of them is Python, the other Go with CEL; only asking both shows where they read a text differently.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from e2e.cluster.rest import Api

from api.bad_examples import SMALLEST
from fairway.api.errors import ManifestError
from fairway.api.manifests import load_object

MODELS = "/apis/fairway.dev/v1alpha1/namespaces/default/modeldeployments?dryRun=All&fieldValidation=Strict"

# fmt: off
NOTHING: tuple[Any, ...] = (None, {}, [])
DURATIONS = (
    *NOTHING, "", "s", "0s", "00s", "1ms", "9ms", "10ms", "99ms", "100ms", "1h1h", "1h30m", "1.5h", "1d",
    "1us", "-1s", "+1s", "1 s", "1s ", "1s\n", "1S", "\u0663s", "8784h", "8784h1ms", "8785h", "526000m",
    "31622400000ms", "31622400001ms", "9999999h", "9999999999999999999h", "999999999999999999999ms", 1, 1.5,
    True,
)
DECIMALS = (
    *NOTHING, "", "0", "0.0", "0.05", "00.05", "0.5", "0.50", "0.5000000000000001", "1", "1.0", "1.1",
    "1.2", "1.49", "1.5", "1.50", "2", "100", "9999999999999999", "0.00000000000001", "0.000000000000001",
    "0.", ".5", "1e-1", "0.05e0", "+0.1", "-0.1", "1_0", "1,5", " 0.1", "0.1\n", "NaN", "Inf", "\u0660.1",
    0.05, 0, 1, True,
)
# The server also takes 4.0 for 4, and stores 4; we ask for it to be written as a whole number.
INTEGERS = (*NOTHING, 0, 1, 2, 256, 257, 1024, 1025, 100_001, -1, 4.5, 2**31, 2**63, 1e300, "1", True)
NAMES = (
    None, "", "a", "A", "a/b", "a.b", "a_b", "-a", "a-", "é", "a\n", "a" * 40, "a" * 41, "a" * 63, "a" * 64,
    1, True,
)
URIS = (
    None, 1, "file:", "file:a", "FILE:a", "1file:a", "f:x", "s3://a/b", "file:a b", "file:é", "file:\na",
    "file:a\n", "file:a\r", "file:a\u2028b", "file:" + "x" * 2043, "file:" + "x" * 2044,
    "file:" + "é" * 2043,
)
DIGESTS = (None, "", "a" * 64, "a" * 63, "a" * 65, "g" * 64, "A" * 64, "a" * 64 + "\n")
STEPS: tuple[Any, ...] = (
    *NOTHING, [None], [{}], [{"weight": 5}, None], [{"weight": 5, "of": 100}],
    [{"weight": 5}, {"weight": 10}], [{"weight": 5, "minDuration": None}],
    [{"weight": 5, "minDuration": "60m", "maxDuration": "1h"}],
    [{"weight": 5, "minDuration": "61m", "maxDuration": "1h"}], [{"weight": n} for n in range(1, 21)],
    [{"weight": n} for n in range(1, 22)],
)
# fmt: on
SETTINGS = ("threads", "maxBatchSize", "maxBodyMiB", "maxQueue")
NUMBERS = ("alpha", "beta", "negligible", "tolerate", "safeMargin")
ODD: dict[str, tuple[Any, ...]] = {
    "metadata.name": NAMES,
    "metadata.labels": (None, {}, {"a": "b"}, {"a": None}, {"a": ""}, {"a": 1}),
    "spec.model.uri": URIS,
    "spec.model.name": NAMES,
    "spec.model.sha256": DIGESTS,
    "spec.model.format": (None, "", "onnx", " onnx", "ONNX"),
    "spec.engine.onnxRuntime": (*NOTHING, "x"),
    "spec.engine.triton": (*NOTHING, "x", {"threads": 2}),
    "spec.engine.kserve": (*NOTHING, "x", {"runtime": "a"}, {"runtime": "A"}),
    "spec.engine.type": (None, "", "Triton", "KServe", "onnx"),
    **{
        f"spec.engine.onnxRuntime.{n}": INTEGERS
        for n in ("threads", "maxBatchSize", "maxBodyMiB", "maxQueue")
    },
    **{f"spec.{name}": NOTHING for name in ("traffic", "traffic.router", "traffic.timeouts")},
    **{f"spec.{name}": NOTHING for name in ("rollout", "rollout.analysis", "rollout.bake")},
    "spec.traffic.timeouts.request": DURATIONS,
    "spec.rollout.steps": STEPS,
    "spec.rollout.progressDeadline": DURATIONS,
    "spec.rollout.bake.duration": DURATIONS,
    "spec.rollout.analysis.interval": DURATIONS,
    "spec.rollout.analysis.onInconclusive": (None, "", "Hold", "hold"),
    **{
        f"spec.rollout.analysis.{n}": DECIMALS
        for n in ("alpha", "beta", "negligible", "tolerate", "safeMargin")
    },
}


@pytest.mark.parametrize("path", ODD)
def test_the_server_and_our_models_take_the_same_spellings(models: Api, path: str) -> None:
    taken = {repr(value): (by_server(models, path, value), by_models(path, value)) for value in ODD[path]}
    assert {spelling: both for spelling, both in taken.items() if both[0] != both[1]} == {}


def by_server(api: Api, path: str, value: Any) -> bool:
    return api.post(MODELS, with_value(path, value)).status == 201


def by_models(path: str, value: Any) -> bool:
    try:
        load_object(with_value(path, value))
    except ManifestError:
        return False
    return True


def with_value(path: str, value: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = copy.deepcopy(SMALLEST)
    *above, last = path.split(".")
    place = manifest
    for key in above:
        place = place.setdefault(key, {})
    place[last] = value
    return manifest
