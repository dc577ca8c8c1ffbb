"""The operator's own metrics."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fairway.api.status import Phase


class Metrics:
    """One registry for one operator, so that two in a process (in a test) do not add up.

    Attributes:
        phases: asked at every scrape: the phase of every known model.
        depth: asked at every scrape: how many models wait to be looked at.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.phases: Callable[[], Iterable[str]] = tuple
        self.depth: Callable[[], int] = int
        self.tick_seconds = Histogram(
            "fairway_operator_tick_seconds",
            "Time of one look at one model.",
            ["result"],
            registry=self.registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.api_calls = Counter(
            "fairway_operator_api_calls", "Calls to the API server.", ["verb", "code"], registry=self.registry
        )
        self.watch_restarts = Counter(
            "fairway_operator_watch_restarts",
            "How often the watches were started anew.",
            registry=self.registry,
        )
        self.leads = Gauge(
            "fairway_operator_leads", "1 while this process may write.", registry=self.registry
        )
        self.resync_age = Gauge(
            "fairway_operator_resync_age_seconds", "Time since the last whole list.", registry=self.registry
        )
        self.registry.register(_Live(self))

    def count_call(self, verb: str, code: str) -> None:
        """For `KubeClient`."""
        self.api_calls.labels(verb, code).inc()

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)


class _Live(Collector):
    """What is only counted when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "fairway_operator_queue_depth", "Models that wait to be looked at.", value=self._metrics.depth()
        )
        rollouts = GaugeMetricFamily("fairway_rollouts", "Models by phase.", labels=["phase"])
        tally = Tally(self._metrics.phases())
        for phase in Phase:
            rollouts.add_metric([phase.value], tally[phase.value])
        yield rollouts
