"""A stop loses no request: what was sent is answered, what comes late is told to go elsewhere."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from onnx import ModelProto

from . import onnx_models as models
from .server_process import Client, Server, eventually, tensor

ONE = json.dumps({"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]}).encode()


def started(folder: Path, model: ModelProto, *flags: str) -> Server:
    server = Server(folder, models.save(model, folder / "m.onnx"), "--name", "m", *flags)
    server.until_ready()
    return server


def turns(count: int) -> bytes:
    return json.dumps({"inputs": [tensor("turns", "INT64", [1], [count])]}).encode()


@dataclass
class Caller:
    """Sends one request after the other until told to close, as a router does with a pooled connection."""

    port: int
    answered: int = 0
    told_to_close: bool = False
    lost: list[str] = field(default_factory=list)

    def run(self) -> None:
        client = Client(self.port)
        try:
            while not self.told_to_close:
                answer = client.ask("POST", "/v2/models/m/infer", ONE)
                if answer.status != 200:
                    self.lost.append(f"status {answer.status}")
                self.answered += 1
                self.told_to_close = answer.headers.get("connection") == "close"
        except Exception as error:  # noqa: BLE001 - whatever it was, a request is lost
            self.lost.append(repr(error))
        finally:
            client.close()


def test_sigterm_under_load_loses_no_request(tmp_path: Path) -> None:
    server = started(tmp_path, models.doubler())
    callers = [Caller(server.port) for _ in range(16)]
    threads = [threading.Thread(target=caller.run, daemon=True) for caller in callers]
    for thread in threads:
        thread.start()
    eventually(lambda: min(caller.answered for caller in callers) >= 10, "every caller answered")
    server.send(signal.SIGTERM)
    assert server.wait() == 0
    for thread in threads:
        thread.join()
    assert [caller.lost for caller in callers] == [[]] * len(callers)
    assert all(caller.told_to_close for caller in callers)


def test_an_idle_connection_may_send_one_more_request(tmp_path: Path) -> None:
    """A router that has not yet heard of the stop is still served, and is told by the answer."""
    server = started(tmp_path, models.doubler())
    client = server.client()
    assert client.ask("GET", "/v2/health/ready").status == 200
    server.send(signal.SIGTERM)
    eventually(lambda: '"stopping"' in server.log(), "the stop begun")
    answer = client.ask("POST", "/v2/models/m/infer", ONE)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    client.close()
    assert server.wait() == 0


def test_a_run_under_way_is_finished_while_ready_says_no(tmp_path: Path) -> None:
    server = started(tmp_path, models.counting())
    client = server.client()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.ask, "POST", "/v2/models/m/infer", turns(600_000))
        eventually(lambda: server.metric("fairway_requests_in_flight") == 1, "the run under way")
        server.send(signal.SIGTERM)
        eventually(lambda: '"stopping"' in server.log(), "the stop begun")
        ready = server.get("/v2/health/ready")
        assert (ready.status, ready.error) == (503, "the server is stopping")
        assert (ready.headers["connection"], ready.headers["retry-after"]) == ("close", "1")
        assert server.get("/v2/health/live").status == 200
        assert not running.done()
        answer = running.result()
    client.close()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert server.wait() == 0


def test_a_run_that_outlasts_the_drain_is_answered_503(tmp_path: Path) -> None:
    server = started(tmp_path, models.counting(), "--drain-seconds", "0.3")
    client = server.client()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.ask, "POST", "/v2/models/m/infer", turns(10**12))
        eventually(lambda: server.metric("fairway_requests_in_flight") == 1, "the run under way")
        server.send(signal.SIGTERM)
        answer = running.result()
    client.close()
    assert (answer.status, answer.json["error"]) == (503, "the server is stopping")
    assert server.wait() == 0
    assert "requests_given_up" in {event["event"] for event in server.events()}


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    server = started(tmp_path, models.counting())
    client = server.client()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.ask, "POST", "/v2/models/m/infer", turns(10**12))
        eventually(lambda: server.metric("fairway_requests_in_flight") == 1, "the run under way")
        server.send(signal.SIGINT)
        eventually(lambda: '"stopping"' in server.log(), "the stop begun")
        server.send(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM
        assert isinstance(running.exception(), ConnectionError)
    client.close()


def test_sigint_while_the_model_loads_is_a_clean_stop(tmp_path: Path) -> None:
    model = models.save(models.counting(turns=10**10), tmp_path / "m.onnx")
    server = Server(tmp_path, model)
    assert server.get("/v2/health/live").status == 200
    server.send(signal.SIGINT)
    assert server.wait() == 0
