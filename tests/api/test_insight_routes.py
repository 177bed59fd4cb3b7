"""What insights answer, whichever they are: jobs, envelopes, freshness, queries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from service.insights.catalogue import INSIGHTS
from service.times import parse_instant
from tests.api.service import Service, Start, running
from tests.api.world import EVENT, GARDEN, ODD, QUIET, SOURCE, made_store

FLEET = sorted(f"/{name}" for name in set(INSIGHTS) - {"job", "event", "identity-events"})
OF_JOB = [route for route in FLEET if route != "/jobs"]
OF_ONE = {
    f"/events/{EVENT}": f"/insights/event/kql?event_id={EVENT}",
    f"/identities/{SOURCE}/events": f"/insights/identity-events/kql?source_id={SOURCE}",
}
KQL = {route: f"/insights{route}/kql" for route in FLEET} | OF_ONE


@pytest.mark.parametrize("route", KQL)
async def test_every_answer_has_the_envelope(shared: Service, route: str) -> None:
    answer = await shared.json(route)
    assert list(answer) == ["data", "window", "freshness", "next", "links"]
    assert set(answer["window"]) == {"from", "to", "bin"}
    freshness = answer["freshness"]
    assert (freshness["status"], freshness["complete"], freshness["reason"]) == (
        "fresh",
        True,
        None,
    )
    assert freshness["events_until"] == "2026-11-22T13:03:00Z"
    assert parse_instant(freshness["as_of"]) <= shared.clock.now()
    assert answer["links"] == {"self": route, "kql": KQL[route]}


@pytest.mark.parametrize("route", OF_JOB)
async def test_job_nobody_knows_is_not_found(shared: Service, route: str) -> None:
    for job in ("nobody", GARDEN.upper(), "%00", "%F0%9F%8C%B3", "a" * 512):
        problem = await shared.problem(f"/jobs/{job}{route}", 404, "job-not-found")
        assert problem["instance"] == f"/jobs/{job}{route}"


async def test_detail_of_a_job_nobody_knows_is_not_found(shared: Service) -> None:
    await shared.problem("/jobs/nobody", 404, "job-not-found")


async def test_job_id_that_is_too_long_is_named(shared: Service) -> None:
    problem = await shared.problem(f"/jobs/{'a' * 513}", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == "job_id"


@pytest.mark.parametrize("route", ["/failures", "/spikes", "/skipped-members", "/cycles"])
async def test_known_job_with_nothing_in_the_window_is_empty(shared: Service, route: str) -> None:
    assert (await shared.json(f"/jobs/{QUIET}{route}?window=1h"))["data"] == []


async def test_detail_of_a_quiet_job_counts_nothing(shared: Service) -> None:
    detail = (await shared.json(f"/jobs/{QUIET}"))["data"]
    assert (detail["events"], detail["failure_rate"]) == (0, None)
    assert detail["by_action"] == detail["by_result"] == {}
    assert detail["top_errors"] == []


async def test_last_cycle_is_the_newest_whatever_the_window(service: Service) -> None:
    for query in ("", "?window=1h", "?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z"):
        cycle = (await service.json(f"/jobs/{QUIET}{query}"))["data"]["last_cycle"]
        assert (cycle["cycle_id"], cycle["events"]) == (f"{QUIET}-2026110213", 1)
    assert service.workspace.queries == []


async def test_detail_that_a_filter_leaves_nothing_of_is_null(shared: Service) -> None:
    assert (await shared.json(f"/jobs/{GARDEN}?app=Orchard"))["data"] is None
    text = (await shared.get(f"/jobs/{GARDEN}?app=Orchard&format=csv")).text
    assert text.startswith("job_id,")
    assert text.count("\r\n") == 1


@pytest.mark.parametrize("route", ["", *OF_JOB])
async def test_job_whose_id_is_odd_has_its_routes(shared: Service, route: str) -> None:
    url = f"/jobs/{quote(ODD, safe='')}{route}"
    answer = await shared.json(url)
    assert answer["links"]["self"] == url
    kql = (await shared.get(answer["links"]["kql"])).text
    assert "odd job" in kql or route == "/silence"


async def test_rows_of_a_job_are_those_of_the_fleet_without_the_job(shared: Service) -> None:
    fleet = (await shared.json(f"/failures?job_id={GARDEN}"))["data"]
    own = (await shared.json(f"/jobs/{GARDEN}/failures"))["data"]
    app = {"id": f"app-of-{GARDEN}", "name": "Garden"}
    assert fleet == [{"job_id": GARDEN, "app": app, **row} for row in own]


async def test_counts_are_those_of_the_events(shared: Service) -> None:
    detail = (await shared.json(f"/jobs/{GARDEN}"))["data"]
    assert detail["by_action"] == {"create": 30, "update": 27}
    assert detail["by_result"] == {"success": 36, "failure": 21}
    first = (await shared.json(f"/jobs/{GARDEN}/failures"))["data"][0]
    assert (first["error_code"], first["events"], first["identities"]) == (
        "DuplicateTargetEntries",
        4,
        3,
    )
    (spike,) = (await shared.json(f"/jobs/{GARDEN}/spikes?of=action&action=create"))["data"][0][
        "spikes"
    ]
    assert (spike["at"], spike["events"], spike["direction"]) == ("2026-11-17T00:00:00Z", 100, "up")


async def test_empty_store_answers_with_nothing(tmp_path: Path) -> None:
    store = made_store(tmp_path / "empty.duckdb", iter(()))
    async with running(Start(store)) as service:
        for route in FLEET:
            answer = await service.json(route)
            assert answer["data"] == []
            assert answer["freshness"]["events_until"] is None
        await service.problem(f"/jobs/{GARDEN}", 404, "job-not-found")
        await service.settled()


async def test_equal_requests_at_once_cause_one_query_per_table(service: Service) -> None:
    service.workspace.gate = asyncio.Event()
    service.workspace.asked.clear()
    asked = [asyncio.create_task(service.get("/failures")) for _ in range(100)]
    await service.workspace.asked.wait()
    service.workspace.gate.set()
    answers = await asyncio.gather(*asked)
    assert len({answer.content for answer in answers}) == 1
    assert len(service.workspace.queries) == len(set(service.workspace.queries)) == 1


async def test_jobs_of_one_question_share_its_query(service: Service) -> None:
    await service.get("/failures")
    service.workspace.queries.clear()
    for url in ("/failures?app=Garden", f"/jobs/{GARDEN}/failures", "/failures?limit=1&format=csv"):
        await service.get(url)
    assert service.workspace.queries == []


@pytest.mark.parametrize("route", sorted({*FLEET} - {"/events"}))
async def test_kql_is_what_the_workspace_was_sent(service: Service, route: str) -> None:
    answer = await service.json(route)
    kql = await service.get(answer["links"]["kql"])
    assert kql.headers["content-type"] == "text/plain; charset=utf-8"
    assert {*service.workspace.queries} <= set(kql.text.removesuffix("\n").split("\n\n"))
    sliced = (await service.get(f"/insights{route}/kql?job_id={GARDEN}")).text
    for query in service.workspace.queries:
        assert f"{query}\n| where JobId in~ (" in sliced
    assert f'"{GARDEN}"' in sliced


async def test_kql_of_a_job_is_its_own_question(service: Service) -> None:
    answer = await service.json(f"/jobs/{GARDEN}/failures?action=create&format=json&limit=3")
    assert answer["links"]["kql"] == f"/insights/failures/kql?job_id={GARDEN}&action=create"
    (sent,) = service.workspace.queries
    assert (await service.get(answer["links"]["kql"])).text.startswith(sent)
