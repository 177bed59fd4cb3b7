"""The service's own metrics: requests, workspace queries, caches."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.metrics.tallies import CacheTallies, RequestTallies
from service.workspace.gate import Gate

_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class ServiceFamilies:
    """Counts what the service does; every method is told of one thing that happened."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = RequestTallies(_SECONDS)
        self._caches = CacheTallies()
        self.registry.register(self._requests)
        self._queries = Counter(
            "insights_workspace_queries",
            "Queries that the workspace was asked, by insight and outcome.",
            ["insight", "outcome"],
            registry=self.registry,
        )
        self._query_seconds = Histogram(
            "insights_workspace_query_duration_seconds",
            "Time of a workspace query, by insight.",
            ["insight"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rows = Counter(
            "insights_workspace_rows",
            "Rows that the workspace returned, by insight.",
            ["insight"],
            registry=self.registry,
        )
        self._deliveries = Counter(
            "insights_deliveries",
            "Notifications of incidents that were sent, by receiver and outcome.",
            ["receiver", "outcome"],
            registry=self.registry,
        )
        self.registry.register(self._caches)

    def watch(self, gate: Gate) -> None:
        """Shows what the gate does, read at each scrape."""
        self.registry.register(_GateFamilies(gate))

    def request(self, route: str, method: str, status: int, elapsed: float) -> None:
        known = method if method in _METHODS else "other"
        self._requests.count(route, known, status, elapsed)

    def query(self, insight: str, outcome: str, elapsed: float, rows: int) -> None:
        self._queries.labels(insight, outcome).inc()
        self._query_seconds.labels(insight).observe(elapsed)
        self._rows.labels(insight).inc(rows)

    def cache(self, cache: str, outcome: str) -> None:
        self._caches.count(cache, outcome)

    def delivery(self, receiver: str, outcome: str) -> None:
        self._deliveries.labels(receiver, outcome).inc()


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A caller may invent methods; a label for each would grow without end."""


class _GateFamilies(Collector):
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def collect(self) -> Iterator[Metric]:
        gate = self._gate
        yield GaugeMetricFamily(
            "insights_workspace_queue_length",
            "Queries that wait for their turn.",
            gate.waiting,
        )
        yield GaugeMetricFamily(
            "insights_workspace_queries_in_flight",
            "Queries that the workspace is working on.",
            gate.in_flight,
        )
        yield CounterMetricFamily(
            "insights_workspace_retries",
            "Queries that were asked again, after a disturbance or a throttling.",
            gate.retries,
        )
        yield CounterMetricFamily(
            "insights_workspace_throttled_seconds",
            "Time for which the workspace had told to wait before the next query.",
            gate.throttled_total,
        )
        yield GaugeMetricFamily(
            "insights_workspace_breaker_open",
            "Whether the workspace failed too often in a row and is left alone: 1, or 0.",
            int(gate.left_alone is not None),
        )
