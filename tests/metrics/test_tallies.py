from __future__ import annotations

from service.metrics.tallies import CacheTallies, RequestTallies


def test_requests_are_counted_by_status_and_their_seconds_by_route() -> None:
    tallies = RequestTallies((0.1, 1))
    for status, elapsed in ((200, 0.1), (200, 0.5), (503, 7.0)):
        tallies.count("/jobs", "GET", status, elapsed)
    requests, seconds = tallies.collect()
    counted = {sample.labels["status"]: sample.value for sample in requests.samples}
    assert counted == {"200": 2, "503": 1}
    # A bound belongs to its bucket, and each bucket holds those before it.
    shown = {
        sample.name.rpartition("_")[2] + sample.labels.get("le", ""): sample.value
        for sample in seconds.samples
    }
    assert shown == {"bucket0.1": 1, "bucket1.0": 2, "bucket+Inf": 3, "count": 3, "sum": 7.6}


def test_lookups_are_counted_by_cache_and_outcome() -> None:
    tallies = CacheTallies()
    for cache, outcome in (("bodies", "hit"), ("answers", "hit"), ("bodies", "hit")):
        tallies.count(cache, outcome)
    (lookups,) = tallies.collect()
    assert {(s.labels["cache"], s.labels["outcome"]): s.value for s in lookups.samples} == {
        ("bodies", "hit"): 2,
        ("answers", "hit"): 1,
    }
