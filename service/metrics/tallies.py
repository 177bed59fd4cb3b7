"""What happens with every request, counted in a microsecond: a warm answer takes few of them.

`prometheus_client`'s own counters take a third of the time that a warm answer costs beside the
server's. Belongs to the event loop; is collected from any thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class RequestTallies(Collector):
    """Requests and their seconds, by route template, method and status."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, float("inf"))
        self._tallies: dict[tuple[str, str, int], _Tally] = {}

    def count(self, route: str, method: str, status: int, elapsed: float) -> None:
        key = (route, method, status)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(len(self._bounds))
        tally.buckets[bisect_left(self._bounds, elapsed)] += 1
        tally.seconds += elapsed

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "insights_http_requests",
            "HTTP requests answered, by route template.",
            labels=("route", "method", "status"),
        )
        seconds = HistogramMetricFamily(
            "insights_http_request_duration_seconds",
            "Time from a request to its answer, by route template.",
            labels=("route",),
        )
        routes: dict[str, _Tally] = {}
        for (route, method, status), tally in list(self._tallies.items()):
            requests.add_metric((route, method, str(status)), sum(tally.buckets))
            routes.setdefault(route, _Tally(len(self._bounds))).add(tally)
        names = [_bound(bound) for bound in self._bounds]
        for route, tally in routes.items():
            buckets = list(zip(names, accumulate(tally.buckets), strict=True))
            seconds.add_metric((route,), buckets, tally.seconds)
        yield requests
        yield seconds


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(float(bound))


class _Tally:
    """How many there were between each two bounds, and their seconds in all."""

    def __init__(self, bounds: int) -> None:
        self.buckets = [0] * bounds
        self.seconds = 0.0

    def add(self, other: _Tally) -> None:
        self.buckets = [a + b for a, b in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds


class CacheTallies(Collector):
    """Look-ups by cache and outcome."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str], int] = {}

    def count(self, cache: str, outcome: str) -> None:
        key = (cache, outcome)
        self._tallies[key] = self._tallies.get(key, 0) + 1

    def collect(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily(
            "insights_cache_requests",
            "Look-ups in a cache, by outcome: hit, miss, stale or joined.",
            labels=("cache", "outcome"),
        )
        for key, times in list(self._tallies.items()):
            lookups.add_metric(key, times)
        yield lookups
