"""Counts are kept: no request for them asks the workspace, and none says more than is known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from service.workspace.errors import WorkspaceUnavailable
from service.workspace.protocol import TimeSpan
from tests.api.service import SETTINGS, Recording, Service, Start, running
from tests.api.world import GARDEN, NOW, ODD, event, grown

ROUTES = ("errors", "actions", "operations", "spikes", "silence")
SERIES = ("actions", "operations", "spikes")
FLEET = ["/jobs", *(f"/{name}" for name in ROUTES)]
OF_JOB = [f"/jobs/{GARDEN}", *(f"/jobs/{GARDEN}/{name}" for name in ROUTES)]
QUERIES = (
    "",
    "window=30m&bin=5m",
    "window=90d&bin=7d",
    "from=2026-11-03T00:00:00Z&to=2026-11-19T07:21:00Z&bin=6h",
    "app=Garden&app=nobody",
    "action=create&result=failure&error_code=DuplicateTargetEntries",
    "identity_type=group&operation=EntryExportAdd&format=csv",
)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("route", [*FLEET, *OF_JOB])
async def test_no_question_causes_a_query(shared: Service, route: str) -> None:
    shared.workspace.queries.clear()
    for query in QUERIES:
        await shared.get(f"{route}?{query}")
    if not route.startswith("/jobs/"):
        await shared.get(f"{route}?job_id={GARDEN}")
    assert shared.workspace.queries == []


async def test_news_are_there_after_the_next_look(
    service: Service, store: Path, tmp_path: Path
) -> None:
    before = (await service.json("/jobs?window=24h"))["data"]
    service.clock.advance(seconds=65)
    arrived = service.clock.now() - timedelta(seconds=5)
    late = [event(9001, NOW - timedelta(hours=3)), event(9002, NOW, job="scim.new", app="New")]
    await service.gain(grown(store, tmp_path / "grown.duckdb", late, arrived))
    await service.refresh()
    after = (await service.json("/jobs?window=24h"))["data"]
    assert {row["job_id"] for row in after} - {row["job_id"] for row in before} == {"scim.new"}
    assert sum(row["events"] for row in after) == sum(row["events"] for row in before) + 2
    await service.get("/jobs/scim.new/actions")


@pytest.mark.parametrize("route", SERIES)
async def test_series_have_every_bin_of_the_window_and_all_events(
    shared: Service, route: str
) -> None:
    for url in (f"/{route}?window=24h", f"/jobs/{GARDEN}/{route}?window=24h"):
        rows = (await shared.json(url))["data"]
        assert {len(row["points"]) for row in rows} == {25}
        totals = [row["total"] for row in rows]
        assert totals == sorted(totals, reverse=True)
        for row in rows:
            assert sum(point["events"] for point in row["points"]) == row["total"] > 0
        assert sum(totals) == (57 if "/jobs/" in url else 94)


@pytest.mark.parametrize("route", SERIES)
async def test_every_series_has_a_chart(shared: Service, route: str) -> None:
    for url in (f"/{route}", f"/jobs/{GARDEN}/{route}", f"/{route}?app=nobody"):
        answer = await shared.get(url, headers={"accept": "image/svg+xml"})
        assert answer.headers["content-type"] == "image/svg+xml"
        chart = ElementTree.fromstring(answer.content)
        assert chart.tag.endswith("svg")
        named = "".join(chart.itertext())
        assert ("EntryExportAdd" in named or "create" in named) == ("nobody" not in url)


@pytest.mark.parametrize("route", ["errors", "jobs", "silence"])
async def test_tables_have_no_chart(shared: Service, route: str) -> None:
    await shared.problem(f"/{route}?format=svg", 400, "invalid-parameter")


async def test_errors_are_counted_by_code_and_result(shared: Service) -> None:
    rows = (await shared.json(f"/jobs/{GARDEN}/errors"))["data"]
    assert rows[0] == {"error_code": "", "result": "success", "events": 36}
    assert rows[1] == {"error_code": "DuplicateTargetEntries", "result": "failure", "events": 4}
    assert sum(row["events"] for row in rows) == 57
    odd = (await shared.json("/errors", params={"job_id": ODD}))["data"]
    assert [row["error_code"] for row in odd] == ["+1", "-1", "=1+1", "@SUM(A1)"]


def older(span: TimeSpan) -> bool:
    """Whether a query is for the days before today."""
    return span.end <= MIDNIGHT


async def test_window_that_is_not_loaded_yet_says_so_and_is_not_kept(store: Path) -> None:
    gate = asyncio.Event()

    def slow(workspace: Recording) -> None:
        workspace.gate, workspace.concerned = gate, older

    impatient = SETTINGS.model_copy(update={"startup_wait": timedelta(milliseconds=1)})
    async with running(Start(store, impatient, prepare=slow)) as service:
        await service.workspace.waiting.wait()
        ready = await service.json("/readyz")
        assert (ready["loaded_from"], ready["complete"]) == ("2026-11-22T00:00:00Z", False)
        early = await service.get("/errors?window=24h")
        freshness = early.json()["freshness"]
        assert (freshness["status"], freshness["complete"]) == ("fresh", False)
        assert freshness["reason"] == "part of the window is not loaded yet"
        assert early.headers["cache-control"] == "private, max-age=0"
        today = (await service.json("/errors?window=6h"))["freshness"]
        assert (today["complete"], today["reason"]) == (True, None)
        gate.set()
        await service.settled()
        whole = await service.get("/errors?window=24h")
        assert whole.json()["freshness"]["complete"]
        assert whole.headers["etag"] != early.headers["etag"]
        assert sum(row["events"] for row in whole.json()["data"]) == 94
        assert sum(row["events"] for row in early.json()["data"]) < 94


@pytest.mark.parametrize("route", [*FLEET, *OF_JOB])
async def test_every_count_says_what_is_not_loaded(store: Path, route: str) -> None:
    def without_a_past(workspace: Recording) -> None:
        workspace.concerned = older
        workspace.failing = WorkspaceUnavailable("Out of reach.")

    async with running(Start(store, prepare=without_a_past)) as service:
        freshness = (await service.json(route))["freshness"]
        assert (freshness["status"], freshness["complete"]) == ("stale", False)
        assert freshness["reason"] == "Out of reach; part of the window is not loaded yet"


@pytest.mark.parametrize("route", [*FLEET, *OF_JOB])
async def test_last_counts_are_served_while_the_workspace_fails(
    service: Service, route: str
) -> None:
    url = f"{route}?from=2026-11-20T00:00:00Z&to=2026-11-22T00:00:00Z"
    before = await service.json(url)
    service.workspace.failing = WorkspaceUnavailable("Out of reach.")
    service.clock.advance(seconds=100)
    await service.refresh()
    answer = await service.get(url)
    stale = answer.json()
    freshness = stale["freshness"]
    assert answer.headers["cache-control"] == "private, max-age=0"
    assert answer.headers["age"] == "100"
    assert (freshness["status"], freshness["reason"]) == ("stale", "Out of reach.")
    assert freshness["complete"]
    assert freshness["as_of"] == before["freshness"]["as_of"]
    if route != "/jobs" and "silence" not in route:  # which tell how long a job has been quiet
        assert stale["data"] == before["data"] != []
    service.workspace.failing = None
    await service.refresh()
    fresh = (await service.json(url))["freshness"]
    assert (fresh["status"], fresh["reason"]) == ("fresh", None)
    assert fresh["as_of"] > before["freshness"]["as_of"]


async def test_silence_names_its_job_on_both_routes(shared: Service) -> None:
    (row,) = (await shared.json(f"/jobs/{GARDEN}/silence"))["data"]
    fleet = {row["job_id"]: row for row in (await shared.json("/silence"))["data"]}
    assert row["job_id"] == GARDEN
    assert fleet[GARDEN] == row | {"app": fleet[GARDEN]["app"]}
