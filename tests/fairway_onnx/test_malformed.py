"""Every way to get a tensor wrong, against a running server: a 4xx that names the tensor, never a 500."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import onnx_models as models
from .server_process import Server, serving, tensor

MODEL = models.echo(
    features=("FP32", ["batch", 3]),
    ids=("INT64", ["batch"]),
    flags=("BOOL", ["batch", 2]),
    words=("BYTES", ["batch"]),
    small=("UINT8", [2]),
)
GOOD: dict[str, dict[str, Any]] = {
    "features": tensor("features", "FP32", [2, 3], [1, 2, 3, 4, 5, 6]),
    "ids": tensor("ids", "INT64", [2], [1, 2]),
    "flags": tensor("flags", "BOOL", [2, 2], [True, False, True, False]),
    "words": tensor("words", "BYTES", [2], ["a", "b"]),
    "small": tensor("small", "UINT8", [2], [0, 255]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("malformed")
    model = models.save(models.check(MODEL), folder / "m.onnx")
    with serving(folder, model, "--max-batch-size", "4", "--max-body-bytes", "1000000") as started:
        yield started


def request(**changes: Any) -> bytes:
    """The good request, with some inputs changed (a dict), left out (None) or repeated (a list)."""
    inputs = []
    for name, good in GOOD.items():
        change = changes.pop(name, {})
        if isinstance(change, dict):
            inputs.append({**good, **change})
        elif change is not None:
            inputs.extend(change)
    return json.dumps({"inputs": inputs, **changes}).encode()


def without(field: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in GOOD["features"].items() if key != field}]


def raw_data(name: str, text: bytes) -> bytes:
    return request(**{name: {"data": "HERE"}}).replace(b'"HERE"', text)


@dataclass(frozen=True)
class Bad:
    why: str
    body: bytes
    names: str
    says: str = ""


ROWS = [[1, 2, 3], [4, 5, 6]]
MORE = tensor("more", "FP32", [1], [1])
BAD = [
    Bad("an input left out", request(ids=None), "ids", "missing, expected INT64 of shape [batch]"),
    Bad("an input too many", request(small=[GOOD["small"], MORE]), "more", "no such input"),
    Bad("an input twice", request(ids=[GOOD["ids"], GOOD["ids"]]), "ids", "given twice"),
    Bad("a name in other letters", request(ids={"name": "IDS"}), "IDS", "no such input"),
    Bad("an unknown output", request(outputs=[{"name": "y"}]), "y", "no such output"),
    Bad("an output twice", request(outputs=[{"name": "ids_out"}] * 2), "ids_out", "requested twice"),
    Bad("10,000 outputs", request(outputs=[{"name": f"o{n}"} for n in range(10_000)]), "", "10000 outputs"),
    Bad("another datatype", request(features={"datatype": "FP64"}), "features", "expected datatype FP32"),
    Bad("an unknown datatype", request(features={"datatype": "BF16"}), "features", "unknown datatype 'BF16'"),
    Bad("too low a rank", request(features={"shape": [6]}), "features", "expected 2 dimensions [batch, 3]"),
    Bad("too high a rank", request(ids={"shape": [2, 1]}), "ids", "expected 1 dimensions"),
    Bad("rank 0", request(small={"shape": [], "data": [1]}), "small", "expected 1 dimensions"),
    Bad("a fixed size missed", request(features={"shape": [3, 2]}), "features", "expected shape [batch, 3]"),
    Bad("a fixed size of one input", request(small={"shape": [1], "data": [1]}), "small", "shape [2]"),
    Bad("batches that disagree", request(ids={"shape": [1], "data": [1]}), "ids", "must agree"),
    Bad("an empty batch", request(features={"shape": [0, 3], "data": []}), "features", "must be 1 to 4"),
    Bad("too large a batch", request(features={"shape": [5, 3], "data": [0] * 15}), "features", "1 to 4"),
    Bad("a negative size", request(features={"shape": [-2, -3]}), "features", "shape holds -2"),
    Bad("the size -1", request(features={"shape": [-1, 3]}), "features", "shape holds -1"),
    Bad("a size above 2**63", request(features={"shape": [2**63, 3]}), "features", "shape holds"),
    Bad("a size above 2**64", request(features={"shape": [2**64, 3]}), "features"),
    Bad("a product above 2**63", request(features={"shape": [2**62, 4]}), "features", "data has 6 elements"),
    Bad("a product that wraps to 6", request(features={"shape": [2**32 + 2, 2**32 + 3]}), "features"),
    Bad("33 dimensions", request(features={"shape": [1] * 33}), "features", "33 dimensions"),
    Bad("too few elements", request(features={"data": [1, 2, 3, 4, 5]}), "features", "data has 5 elements"),
    Bad("too many elements", request(features={"data": [0] * 7}), "features", "more than the 6 elements"),
    Bad("ragged rows", request(features={"data": [[1, 2, 3], [4, 5]]}), "features", "ragged"),
    Bad("rows and columns swapped", request(features={"data": [[1, 2], [3, 4], [5, 6]]}), "features"),
    Bad("nested too deep", request(features={"data": [ROWS]}), "features", "nested 3 deep"),
    Bad("nested 10,000 deep", raw_data("features", b"[" * 10_000 + b"]" * 10_000), "", "too deep"),
    Bad("a row of a row", request(features={"data": [[1, 2, 3], [4, 5, [6]]]}), "features", "got array"),
    Bad("null in the data", request(features={"data": [1, 2, None, 4, 5, 6]}), "features", "got null"),
    Bad("null instead of data", request(features={"data": None}), "features"),
    Bad("null in booleans", request(flags={"data": [True, None, True, True]}), "flags", "got null"),
    Bad("null in text", request(words={"data": ["a", None]}), "words", "got null"),
    Bad("a boolean as a number", request(features={"data": [1, 2, 3, 4, 5, True]}), "features", "got bool"),
    Bad("a boolean as an integer", request(ids={"data": [1, True]}), "ids", "got bool"),
    Bad("numbers as booleans", request(flags={"data": [1, 0, 1, 0]}), "flags", "got int"),
    Bad("text as booleans", request(flags={"data": ["true"] * 4}), "flags", "got str"),
    Bad("text as a number", request(features={"data": ["1", 2, 3, 4, 5, 6]}), "features"),
    Bad("text as an integer", request(ids={"data": ["1", "2"]}), "ids", "got str"),
    Bad("a number as text", request(words={"data": [1, 2]}), "words", "got int"),
    Bad("a fraction as an integer", request(ids={"data": [1, 2.5]}), "ids", "got float"),
    Bad("an object as an element", request(ids={"data": [1, {}]}), "ids", "got object"),
    Bad("an object as data", request(ids={"data": {"0": 1}}), "ids", "data must be an array"),
    Bad("text as data", request(ids={"data": "1,2"}), "ids", "data must be an array"),
    Bad("300 as UINT8", request(small={"data": [0, 300]}), "small", "data holds 300, UINT8 holds 0 to 255"),
    Bad("-1 as UINT8", request(small={"data": [0, -1]}), "small", "data holds -1"),
    Bad("2**63 as INT64", request(ids={"data": [1, 2**63]}), "ids", "INT64 holds"),
    Bad("10**5000 as INT64", raw_data("ids", b"[1, 1" + b"0" * 5000 + b"]"), "ids"),
    Bad("1e39 as FP32", raw_data("features", b"[1,2,3,4,5,1e39]"), "features", "too large for FP32"),
    Bad("1e999 as FP32", raw_data("features", b"[1,2,3,4,5,1e999]"), "features", "in range"),
    Bad("a bare NaN", raw_data("features", b"[1,2,3,4,5,NaN]"), "", "not JSON"),
    Bad("text that is not UTF-8", raw_data("words", b'["a", "\xff\xfe"]'), "words", "not valid UTF-8"),
    Bad("half a surrogate pair", raw_data("words", rb'["a", "\ud800"]'), "", "not JSON"),
    Bad("a shape of text", request(features={"shape": ["2", "3"]}), "features"),
    Bad("a shape of fractions", request(features={"shape": [2.0, 3.0]}), "features"),
    Bad("a shape of booleans", request(ids={"shape": [True]}), "ids"),
    Bad("a shape that is a number", request(ids={"shape": 2}), "ids"),
    Bad("a numeric name", request(ids={"name": 5}), "input 1"),
    Bad("a numeric datatype", request(ids={"datatype": 5}), "ids"),
    Bad("no shape", request(features=without("shape")), "features", "missing required field `shape`"),
    Bad("no datatype", request(features=without("datatype")), "features", "field `datatype`"),
    Bad("no data", request(features=without("data")), "features", "missing required field `data`"),
    Bad("no name", request(features=without("name")), "input 0", "missing required field `name`"),
    Bad("inputs that are no list", b'{"inputs": {"features": []}}', "inputs"),
    Bad("no inputs at all", b"{}", "inputs"),
    Bad("an empty body", b"", "", "not JSON"),
    Bad("half a body", request()[:-20], "", "not JSON"),
    Bad("zero bytes", bytes(100), "", "not JSON"),
    Bad("a name with markup and line breaks", request(ids={"name": "<b>\n\u202e"}), r"'<b>\n\u202e'"),
    Bad("a name of 100,000 characters", request(ids={"name": "n" * 100_000}), "nnn", "no such input"),
]  # fmt: skip


def test_the_good_request_is_good(server: Server) -> None:
    assert server.infer(request()).status == 200
    assert server.infer(request(features={"data": ROWS})).status == 200
    emoji = server.infer(raw_data("words", rb'["\ud83d\ude00", "b"]')).json["outputs"][3]["data"]
    assert emoji == ["\U0001f600", "b"]
    assert (
        server.infer(request(features={"data": [1, 2, 3, 4, 5, "NaN"]})).json["outputs"][0]["data"][5]
        == "NaN"
    )


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.why)
def test_a_malformed_request_is_told_what_is_wrong(server: Server, case: Bad) -> None:
    answer = server.infer(case.body)
    assert answer.status == 400, answer.body
    assert case.names in answer.error
    assert case.says in answer.error
    assert len(answer.body) < 1000


def test_tensors_that_outgrow_the_body_limit_are_413(server: Server) -> None:
    answer = server.infer(request(words={"shape": [30_000], "data": [""] * 30_000}))
    assert answer.status == 413
    assert "words" in answer.error


def test_after_all_that_the_server_has_logged_no_fault_and_still_serves(server: Server) -> None:
    for case in BAD:
        assert server.infer(case.body).status < 500
    assert server.infer(request()).status == 200
    assert server.metric('fairway_requests_total{code="5xx"}') == 0
    assert {event["level"] for event in server.events()} == {"info"}


def test_the_server_stays_small_under_malformed_requests(server: Server, tmp_path: Path) -> None:
    """A hostile shape must not make the server allocate what it claims."""
    before = server.metric("process_resident_memory_bytes")
    for shape in ([2**40], [2**31, 2**31], [10**6, 10**6]):
        for name in ("features", "words"):
            assert 400 <= server.infer(request(**{name: {"shape": shape}})).status < 500
    assert server.metric("process_resident_memory_bytes") < before + 50e6
