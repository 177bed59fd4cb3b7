"""The service's own metrics: requests, workspace queries, caches."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class ServiceFamilies:
    """Counts what the service does; every method is told of one thing that happened."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "insights_http_requests",
            "HTTP requests answered, by route template.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "insights_http_request_duration_seconds",
            "Time from a request to its answer, by route template.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
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
        self._cache = Counter(
            "insights_cache_requests",
            "Look-ups in a cache, by outcome: hit, miss, stale or joined.",
            ["cache", "outcome"],
            registry=self.registry,
        )

    def request(self, route: str, method: str, status: int, elapsed: float) -> None:
        known = method if method in _METHODS else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._request_seconds.labels(route).observe(elapsed)

    def query(self, insight: str, outcome: str, elapsed: float, rows: int) -> None:
        self._queries.labels(insight, outcome).inc()
        self._query_seconds.labels(insight).observe(elapsed)
        self._rows.labels(insight).inc(rows)

    def cache(self, cache: str, outcome: str) -> None:
        self._cache.labels(cache, outcome).inc()


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A caller may invent methods; a label for each would grow without end."""
