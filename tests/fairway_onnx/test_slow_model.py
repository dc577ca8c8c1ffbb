"""A slow run delays nobody but those who wait for it."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from . import onnx_models as models
from .server_process import Answer, Server, eventually, serving, tensor

FOREVER = 10**12
TIMEOUT_SECONDS = 1.5


def turns(count: int) -> dict[str, object]:
    return {"inputs": [tensor("turns", "INT64", [1], [count])], "outputs": [{"name": "count"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    model = models.save(models.check(models.counting()), folder / "m.onnx")
    flags = ("--workers", "1", "--max-queue", "2", "--request-timeout", str(TIMEOUT_SECONDS))
    with serving(folder, model, *flags) as started:
        yield started


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def start_endless_run(server: Server, pool: ThreadPoolExecutor) -> "Future[Answer]":
    eventually(lambda: server.metric("fairway_requests_in_flight") == 0, "no run under way")
    running = pool.submit(server.infer, turns(FOREVER))
    eventually(lambda: server.metric("fairway_requests_in_flight") == 1, "the run under way")
    return running


def test_probes_and_metrics_answer_while_a_run_goes_on(server: Server, pool: ThreadPoolExecutor) -> None:
    running = start_endless_run(server, pool)
    client = server.client()
    slowest = 0.0
    for path in ("/v2/health/live", "/v2/health/ready", "/metrics", "/v2/models/m") * 5:
        began = time.monotonic()
        assert client.ask("GET", path).status == 200
        slowest = max(slowest, time.monotonic() - began)
    client.close()
    assert not running.done()
    assert slowest < 0.5


def test_a_late_run_is_answered_504_and_ended(server: Server, pool: ThreadPoolExecutor) -> None:
    """The one worker is free again afterwards: the model was asked to stop, not just left alone."""
    running = start_endless_run(server, pool)
    answer = running.result()
    assert answer.status == 504
    assert answer.json["error"] == "the request was not answered in time"
    assert server.infer(turns(10)).json["outputs"][0]["data"] == [10.0]
    assert server.metric('fairway_request_errors_total{reason="deadline_exceeded"}') >= 1


def test_more_than_may_wait_are_turned_away_at_once(server: Server, pool: ThreadPoolExecutor) -> None:
    running = start_endless_run(server, pool)
    waiting = [pool.submit(server.infer, turns(1)) for _ in range(2)]
    eventually(lambda: server.metric("fairway_queue_requests") == 2, "two requests waiting")
    refused = server.infer(turns(1))
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert running.result().status == 504
    assert {future.result().status for future in waiting} <= {200, 504}


def test_a_body_that_does_not_arrive_is_408(server: Server) -> None:
    client = server.client()
    client.connection.putrequest("POST", "/v2/models/m/infer")
    client.connection.putheader("content-length", "100")
    client.connection.endheaders(b"{")
    response = client.connection.getresponse()
    assert response.status == 408
    assert json.loads(response.read())["error"] == "the body did not arrive in time"
    client.close()


def test_is_alive_but_not_ready_while_the_model_loads(tmp_path: Path) -> None:
    """The warm-up of this model takes about a second, and belongs to the loading."""
    model = models.save(models.counting(turns=800_000), tmp_path / "m.onnx")
    server = Server(tmp_path, model, "--name", "m")
    try:
        assert server.get("/v2/health/live").status == 200
        for path in ("/v2/health/ready", "/v2/models/m/ready", "/v2/models/m"):
            answer = server.get(path)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert answer.error == "the model is loading"
        refused = server.infer(turns(1))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert server.get("/v2/models/other").status == 404
        assert server.get("/metrics").status == 200
        server.until_ready()
        assert server.infer(turns(1)).status == 200
    finally:
        server.kill()


def test_four_clients_share_two_workers(tmp_path: Path) -> None:
    model = models.save(models.counting(), tmp_path / "m.onnx")
    with serving(tmp_path, model, "--workers", "2") as server:
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(server.infer(turns(n))), daemon=True)
            for n in (1000, 2000, 3000, 4000)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts = sorted(answer.json["outputs"][0]["data"][0] for answer in answers)
        assert counts == [1000.0, 2000.0, 3000.0, 4000.0]
