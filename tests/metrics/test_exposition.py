"""What a scrape gets."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.api.world import GARDEN, HOSTILE_APP, NOW, ODD
from tests.metrics.scraping import OPENMETRICS, scrape, scrape_openmetrics

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1"
    ";q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text;q=0, */*", False),
        (OPENMETRICS, True),
        (PROMETHEUS, True),
    ],
)
async def test_format_follows_accept(shared: Service, accept: str, openmetrics: bool) -> None:
    answer = await shared.get("/metrics", headers={"accept": accept} if accept else {})
    kind = answer.headers["content-type"]
    assert kind.startswith(OPENMETRICS if openmetrics else "text/plain; version=0.0.4")
    assert "Accept" in answer.headers["vary"]
    assert answer.text.count("# EOF") == (1 if openmetrics else 0)
    assert answer.text.endswith("# EOF\n") == openmetrics


async def test_both_formats_say_the_same(shared: Service) -> None:
    plain, open_ = await scrape(shared), await scrape_openmetrics(shared)
    for name in ("job_info", "window_events", "window_failures", "last_event_timestamp_seconds"):
        assert (
            plain.of(f"entra_provisioning_{name}") == open_.of(f"entra_provisioning_{name}") != {}
        )


async def test_hostile_names_come_out_as_they_are(shared: Service) -> None:
    for found in (await scrape(shared), await scrape_openmetrics(shared)):
        (labels,) = [
            dict(has)
            for name, has in found.values
            if name == "entra_provisioning_job_info" and ("job_id", ODD) in has
        ]
        assert labels["app_name"] == HOSTILE_APP


async def test_counts_are_the_apis(shared: Service) -> None:
    found = await scrape(shared)
    window = "from=2026-11-21T13:00:00Z&to=2026-11-22T13:00:00Z&bin=5m"
    for job in (await shared.json(f"/jobs?{window}"))["data"]:
        of_job = {"job_id": job["job_id"], "window": "24h"}
        events = found.of("entra_provisioning_window_events", **of_job)
        assert sum(events.values()) == job["events"]
        assert sum(n for (_, result), n in events.items() if result == "failure") == job["failures"]
        failures = found.of("entra_provisioning_window_failures", **of_job)
        assert sum(failures.values()) == job["failures"]


async def test_rare_error_codes_fold_into_other(shared: Service) -> None:
    found = await scrape(shared)
    failures = found.of("entra_provisioning_window_failures", job_id=GARDEN, window="24h")
    assert len(failures) == 11
    assert failures["DuplicateTargetEntries",] == 4
    assert failures["other",] == 21 - 4 - 2 - 8


async def test_windows_are_named_and_end_with_whole_five_minutes(shared: Service) -> None:
    found = await scrape(shared)
    hour = found.of("entra_provisioning_window_events", job_id=GARDEN, window="1h")
    # 12:00 to 13:00, while the event of 13:02 waits for its five minutes to be over.
    assert hour == {("create", "success"): 1, ("update", "success"): 1, ("create", "failure"): 1}


async def test_nobodys_id_is_in_a_label(shared: Service) -> None:
    text = (await shared.get("/metrics")).text
    assert not re.search(r"user-\d|person|Person|shared|member-|group-1", text)


async def test_fifty_scrapers_cause_no_query(service: Service) -> None:
    for _ in range(3):
        await asyncio.gather(*(scrape(service) for _ in range(50)))
        service.clock.advance(days=1)
    assert service.workspace.queries == []


async def test_scrape_counts_what_came_before_it(service: Service) -> None:
    for times in range(1, 4):
        await service.get("/failures")
        found = await scrape(service)
        assert found.of("insights_http_requests_total", route="/failures") == {
            ("GET", "200"): times
        }


async def test_head_is_the_scrape_without_its_body(shared: Service) -> None:
    await shared.get("/healthz")
    whole = await shared.get("/metrics")
    head = await shared.client.head("/metrics")
    assert head.content == b""
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_spikes_and_silence_are_the_apis(shared: Service) -> None:
    found = await scrape(shared)
    scores: dict[tuple[str, ...], float] = {}
    spikes: dict[tuple[str, ...], float] = {}
    for of in ("operation", "action", "result"):
        for row in (await shared.json(f"/spikes?of={of}&limit=1000"))["data"]:
            last = row["points"][-1]
            if last["expected"] is not None:
                scores[row["job_id"], row["name"], of] = last["score"] or 0
                spikes[row["job_id"], row["name"], of] = last["spike"]
    assert found.of("entra_provisioning_spike_score") == scores
    assert found.of("entra_provisioning_spike") == spikes
    assert 1 in spikes.values()
    silent = {(row["job_id"],): row["silent"] for row in (await shared.json("/silence"))["data"]}
    assert found.of("entra_provisioning_job_silent") == silent


async def test_windows_are_those_that_are_set_and_end_before_the_delay(store: Path) -> None:
    changed = {"metrics_windows": ("1h", "3d"), "metrics_delay": timedelta(minutes=10)}
    async with running(Start(store, SETTINGS.model_copy(update=changed))) as service:
        await service.settled()
        found = await scrape(service)
    events = found.of("entra_provisioning_window_events", job_id=GARDEN)
    assert {window for *_, window in events} == {"1h", "3d"}
    # 11:50 to 12:50: only what happened at 12:00, 12:02 and 12:03.
    assert {key: count for key, count in events.items() if key[-1] == "1h"} == {
        ("create", "success", "1h"): 1,
        ("update", "success", "1h"): 1,
        ("create", "failure", "1h"): 1,
    }


async def test_nothing_is_shown_of_a_window_before_all_of_it_is_loaded(store: Path) -> None:
    def only_today(workspace: Recording) -> None:
        workspace.failing = WorkspaceUnavailable("Out of reach.")
        workspace.concerned = lambda span: span.end <= NOW - timedelta(hours=13)

    async with running(Start(store, SETTINGS, prepare=only_today)) as service:
        await service.settled()
        found = await scrape(service)
        assert found.of("entra_provisioning_window_events", window="1h") != {}
        for family, labels in (
            ("window_events", {"window": "24h"}),
            ("window_failures", {"window": "24h"}),
            ("spike", {}),
            ("job_silent", {}),
        ):
            assert found.of(f"entra_provisioning_{family}", **labels) == {}


@pytest.mark.parametrize(
    ("url", "status", "route"),
    [
        (f"/jobs/{GARDEN}/failures", 200, "/jobs/{job_id}/failures"),
        ("/jobs/nobody", 404, "/jobs/{job_id}"),
        ("/failures?bin=2h", 400, "/failures"),
        ("/nowhere/at/all", 404, "unknown"),
        ("/insights/nothing/kql", 404, "/insights/{name}/kql"),
        ("/problems/nothing", 404, "/problems/{code}"),
    ],
)
async def test_route_is_the_template(service: Service, url: str, status: int, route: str) -> None:
    for _ in range(2):  # the second from the kept body, where one is kept
        await service.get(url, status)
    found = await scrape(service)
    counted = found.of("insights_http_requests_total", route=route)
    assert counted == {("GET", str(status)): 2}
    assert found.of("insights_http_request_duration_seconds_count", route=route) == {(): 2}


async def test_method_not_allowed_has_its_route_too(service: Service) -> None:
    await service.client.post(f"/jobs/{GARDEN}/failures")
    found = await scrape(service)
    counted = found.of("insights_http_requests_total", method="POST")
    assert counted == {("/jobs/{job_id}/failures", "405"): 1}


async def test_queries_and_caches_are_counted(service: Service) -> None:
    before = (await scrape(service)).of("insights_cache_requests_total", cache="answers")
    await service.get("/failures?window=10d")
    await service.get("/failures?window=10d")
    await service.get("/failures?window=10d&limit=1")
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    await service.get("/failures?window=11d", 503)
    found = await scrape(service)
    queries = found.of("insights_workspace_queries_total", insight="failures")
    assert queries == {("success",): 1, ("WorkspaceUnavailable",): 1}
    assert found.of("insights_workspace_query_duration_seconds_count", insight="failures") == {
        (): 2
    }
    assert found.of("insights_workspace_rows_total", insight="failures")[()] > 0
    assert found.of("insights_cache_requests_total", cache="bodies") == {("hit",): 1, ("miss",): 2}
    answers = found.of("insights_cache_requests_total", cache="answers")
    assert answers["hit",] == before.get(("hit",), 0) + 1
    assert answers["miss",] == before["miss",] + 2
