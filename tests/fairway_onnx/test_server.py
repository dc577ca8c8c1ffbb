"""A running server seen from outside: every route, every datatype, every limit."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import onnx_models as models
from .server_process import Server, eventually, exchange, serving, tensor

EVERY = {name.lower(): (name, [f"n_{name}"]) for name in models.ELEMENT_TYPES}
MAX_BODY = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    model = models.save(models.check(models.echo(**EVERY)), folder / "m.onnx")
    with serving(folder, model, "--version", "7", "--max-body-bytes", str(MAX_BODY)) as started:
        yield started


DATA = {
    "bool": [True, False],
    "uint8": [0, 255],
    "uint16": [0, 65535],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
    "int8": [-128, 127],
    "int16": [-(2**15), 2**15 - 1],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "fp16": [0.5, -65504.0],
    "fp32": [0.25, 1e30],
    "fp64": [0.1, 1e300],
    "bytes": ["é", ""],
}
INPUTS = [tensor(name, name.upper(), [2], values) for name, values in DATA.items()]


def test_every_datatype_goes_through_the_model_exactly(server: Server) -> None:
    answer = server.infer({"id": "42", "parameters": {"trace": True}, "inputs": INPUTS})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "model_name": "m",
        "model_version": "7",
        "id": "42",
        "parameters": {"trace": True},
        "outputs": [tensor(f"{name}_out", name.upper(), [2], values) for name, values in DATA.items()],
    }


def test_only_the_wanted_outputs_come_in_the_wanted_order(server: Server) -> None:
    answer = server.infer({"inputs": INPUTS, "outputs": [{"name": "fp32_out"}, {"name": "bool_out"}]})
    assert [output["name"] for output in answer.json["outputs"]] == ["fp32_out", "bool_out"]


def test_metadata_tells_names_datatypes_and_sizes(server: Server) -> None:
    assert server.get("/v2").json["name"] == "fairway-onnx"
    for path in ("/v2/models/m", "/v2/models/m/versions/7"):
        metadata = server.get(path).json
        assert (metadata["name"], metadata["versions"]) == ("m", ["7"])
        assert metadata["inputs"] == [
            {"name": name, "datatype": name.upper(), "shape": [-1]} for name in DATA
        ]
        assert metadata["outputs"][0] == {"name": "bool_out", "datatype": "BOOL", "shape": [-1]}


def test_health_of_server_and_model(server: Server) -> None:
    assert server.get("/v2/health/live").json == {"live": True}
    assert server.get("/v2/health/ready").json == {"ready": True}
    assert server.get("/v2/models/m/ready").json == {"name": "m", "ready": True}
    assert server.get("/v2/models/m/versions/7/ready").status == 200


def test_the_served_version_may_stand_in_the_path(server: Server) -> None:
    body = json.dumps({"inputs": INPUTS}).encode()
    assert server.ask("POST", "/v2/models/m/versions/7/infer", body).status == 200
    assert server.ask("POST", "/v2/models/m/versions/8/infer", body).status == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v3", "/v2/", "/v2/health", "/v2/models", "/metrics/", "//v2", "/v2/models/../m"),
        *("/v2/models/m/", "/v2/models/m/other", "/v2/models/other", "/v2/models/other/infer"),
        *("/v2/models/m/versions/8", "/v2/models/m/versions/8/ready", "/v2/models/m%2Finfer2"),
    ],
)
def test_unknown_paths_and_models_are_404(server: Server, path: str) -> None:
    answer = server.get(path)
    assert answer.status == 404
    assert answer.error


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/models/m/infer", "POST"),
        ("PUT", "/v2/models/m/infer", "POST"),
        ("POST", "/v2/health/live", "GET"),
        ("DELETE", "/v2/models/m", "GET"),
        ("HEAD", "/v2", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_is_right(
    server: Server, method: str, path: str, allowed: str
) -> None:
    answer = server.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


def test_an_announced_body_above_the_limit_is_413_before_it_is_sent(server: Server) -> None:
    head = f"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {MAX_BODY + 1}\r\n\r\n".encode()
    with_expect = head.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")
    answer = exchange(server.port, with_expect)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"100 Continue" not in answer


def test_a_body_sent_above_the_limit_still_gets_to_read_its_413(server: Server) -> None:
    answer = server.infer(b"x" * (MAX_BODY + 50_000))
    assert answer.status == 413
    assert answer.error == f"the body is larger than {MAX_BODY} bytes"


def test_a_chunked_body_is_cut_at_the_limit(server: Server) -> None:
    """The client never ends its body: an answer shows that the server did not wait for the end."""
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    answer = exchange(server.port, head, *[chunk] * 11)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_within_the_limit_is_read(server: Server) -> None:
    body = json.dumps({"inputs": INPUTS}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    assert exchange(server.port, head, chunks).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999", "5, 5"])
def test_a_senseless_content_length_is_the_clients_fault(server: Server, length: str) -> None:
    head = f"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
    assert exchange(server.port, head.encode()).split()[1] in (b"400", b"413")


def test_a_compressed_body_is_415(server: Server) -> None:
    answer = server.ask("POST", "/v2/models/m/infer", b"\x1f\x8b", {"content-encoding": "gzip"})
    assert answer.status == 415
    assert "gzip" in answer.error


def test_binary_tensors_are_refused_in_words(server: Server) -> None:
    answer = server.ask("POST", "/v2/models/m/infer", b"{}\0\0", {"inference-header-content-length": "2"})
    assert (answer.status, answer.error) == (
        400,
        "binary tensor data is not supported, send the tensors as JSON",
    )


def test_metrics_count_requests_errors_and_durations(server: Server) -> None:
    before = {name: server.metric(name) for name in (
        'fairway_requests_total{code="2xx"}', 'fairway_requests_total{code="4xx"}',
        'fairway_request_errors_total{reason="invalid_tensor"}', "fairway_request_duration_seconds_count",
    )}  # fmt: skip
    server.infer({"inputs": INPUTS})
    server.infer({"inputs": INPUTS[:1]})
    assert {name: server.metric(name) - value for name, value in before.items()} == dict(
        zip(before, [1, 1, 1, 2], strict=True)
    )
    assert server.metric("fairway_model_load_seconds") > 0
    assert server.metric("fairway_requests_in_flight") == 0
    assert server.metric("process_resident_memory_bytes") > 1e6


def test_the_address_file_tells_where_the_server_is(server: Server) -> None:
    assert json.loads(server.address_file.read_text()) == {
        "host": "127.0.0.1",
        "port": server.port,
        "pid": server.process.pid,
    }


@pytest.mark.parametrize(
    "junk", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100]
)
def test_what_is_not_http_is_400(server: Server, junk: bytes) -> None:
    assert exchange(server.port, junk).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_goes_away_is_no_fault(server: Server) -> None:
    client = server.client()
    client.connection.putrequest("POST", "/v2/models/m/infer")
    client.connection.putheader("content-length", "100")
    client.connection.endheaders(b"{")
    eventually(lambda: server.metric("fairway_requests_in_flight") == 1, "the request seen")
    client.close()
    eventually(lambda: server.metric("fairway_requests_in_flight") == 0, "the request given up")
    assert server.metric('fairway_request_errors_total{reason="client_gone"}') == 1


def test_every_log_line_is_one_json_object_the_libraries_too(server: Server) -> None:
    exchange(server.port, b"no http")
    events = {event["event"] for event in server.events()}
    assert {"listening", "model_loaded", "library_message"} <= events


def test_logs_can_be_read_by_people(tmp_path: Path) -> None:
    server = Server(tmp_path, tmp_path / "missing.onnx", "--log-format", "text")
    assert server.wait() == 3
    assert "level=error event=cannot_serve reason=ModelNotFound" in server.log()
