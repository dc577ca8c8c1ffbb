"""The server's Prometheus metrics. Every label has a bounded set of values."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts infer requests; probes and scrapes are left out, they would bury the users' requests."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        requests = Counter(
            "fairway_requests",
            "Infer requests answered, by class of status code.",
            ["code"],
            registry=self._registry,
        )
        self._by_class = {digit: requests.labels(code=f"{digit}xx") for digit in (2, 4, 5)}
        self._errors = Counter(
            "fairway_request_errors", "Infer requests failed, by reason.", ["reason"], registry=self._registry
        )
        self._duration = Histogram(
            "fairway_request_duration_seconds",
            "From the request's headers to its answer.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "fairway_requests_in_flight", "Infer requests being answered.", registry=self._registry
        )
        self._load = Gauge(
            "fairway_model_load_seconds",
            "Checking, loading and warming up the model.",
            registry=self._registry,
        )
        self._waiting = Gauge(
            "fairway_queue_requests", "Requests that wait for a run.", registry=self._registry
        )

    def watch_queue(self, waiting: Callable[[], float]) -> None:
        self._waiting.set_function(waiting)

    def model_loaded(self, seconds: float) -> None:
        self._load.set(seconds)

    def answered(self, status: int, reason: str | None, seconds: float) -> None:
        """Count one answered request; `reason` is that of its RequestError, None for a success."""
        self._by_class[status // 100].inc()
        self._duration.observe(seconds)
        if reason is not None:
            self._errors.labels(reason=reason).inc()

    def exposition(self) -> bytes:
        """The text format 0.0.4."""
        return generate_latest(self._registry)
