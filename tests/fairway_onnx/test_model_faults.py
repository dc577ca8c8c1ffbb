"""What a running model can do wrong, and what its clients see of it."""

from collections.abc import Iterator

import pytest

from . import onnx_models as models
from .server_process import Answer, Server, serving, tensor


@pytest.fixture(scope="module")
def picker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("picker")
    with serving(folder, models.save(models.picker(), folder / "m.onnx")) as started:
        yield started


def pick(server: Server, index: int, request_id: str = "") -> Answer:
    body = b'{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[%d]}]}' % index
    return server.ask("POST", "/v2/models/m/infer", body, {"x-request-id": request_id})


def test_a_failed_run_is_a_500_without_the_runtimes_words(picker: Server) -> None:
    answer = pick(picker, 99, "ask-7")
    assert answer.status == 500
    assert answer.json == {"error": "model execution failed", "request_id": "ask-7"}
    logged = [event for event in picker.events() if event.get("request_id") == "ask-7"]
    assert [(event["event"], event["reason"]) for event in logged] == [("request_failed", "model_run_failed")]
    assert "Gather" in logged[0]["cause"]


def test_a_failed_run_leaves_the_next_one_alone(picker: Server) -> None:
    assert [pick(picker, index).status for index in (99, 12, 99, 10)] == [500, 200, 500, 200]
    assert pick(picker, 12).json["outputs"][0]["data"] == [2.0]


def test_a_request_id_that_could_forge_a_log_line_is_replaced(picker: Server) -> None:
    assert len(pick(picker, 99, 'a"b c').json["request_id"]) == 16


def test_a_failing_warm_up_is_a_warning(picker: Server) -> None:
    """The made-up index 0 is outside of this model's table, as real indices need not be."""
    warnings = [event for event in picker.events() if event["level"] == "warning"]
    assert [event["event"] for event in warnings] == ["warm_up_failed"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("odd")
    with serving(folder, models.save(models.odd_outputs(), folder / "m.onnx")) as started:
        yield started


def divide(server: Server, *outputs: str) -> Answer:
    inputs = [tensor("a", "FP32", [4], [1, -1, 0, 1]), tensor("b", "FP32", [4], [0, 0, 0, 2])]
    return server.infer({"inputs": inputs, "outputs": [{"name": name} for name in outputs]})


def test_non_finite_outputs_are_words_and_never_null(odd: Server) -> None:
    output = divide(odd, "q").json["outputs"][0]
    assert output["data"] == ["Infinity", "-Infinity", "NaN", 0.5]
    assert output["parameters"] == {"non_finite": True}


def test_output_text_that_is_not_utf8_is_an_explicit_error(odd: Server) -> None:
    answer = divide(odd)
    assert (answer.status, answer.error) == (500, "the model returned a string that is not UTF-8")
