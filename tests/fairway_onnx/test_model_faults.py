"""What a running model can do wrong, and what its clients see of it."""

from pathlib import Path

from . import onnx_models as models
from .server_process import serving, tensor


def test_a_failed_run_is_a_500_without_the_runtimes_words(tmp_path: Path) -> None:
    with serving(tmp_path, models.save(models.picker(), tmp_path / "m.onnx")) as server:
        body = b'{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[7]}]}'
        answer = server.ask("POST", "/v2/models/m/infer", body, {"x-request-id": "ask-7"})
        assert answer.status == 500
        assert answer.json == {"error": "model execution failed", "request_id": "ask-7"}
        logged = [event for event in server.events() if event["event"] == "request_failed"]
        assert [(event["request_id"], event["reason"]) for event in logged] == [("ask-7", "model_run_failed")]
        assert "Gather" in logged[0]["cause"]
        assert server.infer({"inputs": [tensor("index", "INT64", [1], [2])]}).json["outputs"][0]["data"] == [
            2.0
        ]


def test_a_request_id_that_could_forge_a_log_line_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, models.save(models.picker(), tmp_path / "m.onnx")) as server:
        body = b'{"inputs":[{"name":"index","shape":[1],"datatype":"INT64","data":[7]}]}'
        answer = server.ask("POST", "/v2/models/m/infer", body, {"x-request-id": 'a"b c'})
        assert len(answer.json["request_id"]) == 16


def test_non_finite_outputs_are_words_and_never_null(tmp_path: Path) -> None:
    with serving(tmp_path, models.save(models.divider(), tmp_path / "m.onnx")) as server:
        inputs = [tensor("a", "FP32", [4], [1, -1, 0, 1]), tensor("b", "FP32", [4], [0, 0, 0, 2])]
        output = server.infer({"inputs": inputs}).json["outputs"][0]
        assert output["data"] == ["Infinity", "-Infinity", "NaN", 0.5]
        assert output["parameters"] == {"non_finite": True}


def test_output_text_that_is_not_utf8_is_an_explicit_error(tmp_path: Path) -> None:
    with serving(tmp_path, models.save(models.not_text(), tmp_path / "m.onnx")) as server:
        answer = server.infer({"inputs": [tensor("x", "FP32", [1], [1])]})
        assert (answer.status, answer.error) == (500, "the model returned a string that is not UTF-8")
        only = {"inputs": [tensor("x", "FP32", [1], [1])], "outputs": [{"name": "same"}]}
        assert server.infer(only).status == 200


def test_a_failing_warm_up_is_a_warning(tmp_path: Path) -> None:
    """The made-up index 0 is outside an empty table, as real indices need not be."""
    model = models.picker(rows=0)
    with serving(tmp_path, models.save(model, tmp_path / "m.onnx")) as server:
        warnings = [event for event in server.events() if event["level"] == "warning"]
        assert [event["event"] for event in warnings] == ["warm_up_failed"]
