from __future__ import annotations

from service.metrics.service_families import ServiceFamilies


def test_methods_that_callers_invent_share_a_label() -> None:
    families = ServiceFamilies()
    for method in ("GET", "BREW", "X" * 100):
        families.request("/jobs", method, 200, 0.1)
    labels = {
        sample.labels["method"]: sample.value
        for family in families.registry.collect()
        for sample in family.samples
        if sample.name == "insights_http_requests_total"
    }
    assert labels == {"GET": 1, "other": 2}
