from __future__ import annotations

import asyncio

from service.metrics.rendering import render_registry
from service.metrics.service_families import ServiceFamilies
from service.workspace.errors import WorkspaceDisturbed, WorkspaceThrottled, WorkspaceUnavailable
from service.workspace.limits import QueryLimits
from tests.virtual_time import run
from tests.workspace.upstream import Upstream, ask, gate_of


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


def test_deliveries_have_no_series_until_there_is_one() -> None:
    families = ServiceFamilies()
    assert (
        b"# TYPE insights_deliveries_total counter\n# HELP"
        in render_registry(families.registry).text + b"# HELP"
    )
    families.delivery("operations", "success")
    families.delivery("operations", "success")
    shown = render_registry(families.registry).text
    assert b'insights_deliveries_total{receiver="operations",outcome="success"} 2.0\n' in shown


def values(families: ServiceFamilies) -> dict[str, float]:
    """The gate's samples, without what all names begin with."""
    found = {
        sample.name.removeprefix("insights_workspace_"): sample.value
        for family in families.registry.collect()
        for sample in family.samples
        if not sample.labels and sample.name.startswith("insights_workspace_")
    }
    return {name: value for name, value in found.items() if value}


def test_what_the_gate_does_can_be_seen() -> None:
    async def story() -> None:
        upstream, families = Upstream(), ServiceFamilies()
        gate = gate_of(upstream, QueryLimits(wait=60, breaks_after=2))
        families.watch(gate)
        assert values(families) == {}
        asked = [asyncio.create_task(ask(gate.people)) for _ in range(7)]
        await asyncio.sleep(0)
        assert values(families) == {"queue_length": 3, "queries_in_flight": 4}
        await asyncio.gather(*asked)
        errors = iter([WorkspaceDisturbed("Dropped."), WorkspaceThrottled("Too much.", 20), None])
        upstream.failing = lambda: next(errors)
        await ask(gate.people)
        assert values(families) == {"retries_total": 2, "throttled_seconds_total": 20}
        upstream.failing = lambda: WorkspaceUnavailable("Away.")
        await asyncio.gather(*(ask(gate.people) for _ in range(2)), return_exceptions=True)
        assert values(families) == {
            "retries_total": 2,
            "throttled_seconds_total": 20,
            "breaker_open": 1,
        }

    run(story())
