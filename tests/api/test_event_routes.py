"""Single events: pages that neither repeat nor skip, search, and one event by its ID."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.api.service import Service
from tests.api.world import EVENT, GARDEN, NOW, ODD, ORCHARD, SOURCE, event, grown


async def ids(service: Service, url: str) -> list[str]:
    return [row["id"] for row in (await service.json(url))["data"]]


async def test_events_are_newest_first_and_equal_times_by_id(shared: Service) -> None:
    rows = (await shared.json("/events?limit=1000"))["data"]
    assert len(rows) == 94
    by_id = sorted(rows, key=lambda row: row["id"])
    assert rows == sorted(by_id, key=lambda row: row["time"], reverse=True)
    assert len({row["time"] for row in rows}) < len(rows)


@pytest.mark.parametrize("limit", [1, 7])
async def test_pages_neither_repeat_nor_skip_while_events_arrive(
    service: Service, store: Path, tmp_path: Path, limit: int
) -> None:
    url = f"/jobs/{ORCHARD}/events?window=24h"
    before = await ids(service, f"{url}&limit=1000")
    page = await service.json(f"{url}&limit={limit}")
    found, number = [row["id"] for row in page["data"]], 5000
    grown_store, late = store, set()
    while page["next"]:
        if number < 5009:
            service.clock.advance(minutes=1)
            now = service.clock.now()
            new = [
                event(number, now, job=ORCHARD),
                event(number + 1, now - timedelta(hours=1), job=ORCHARD),
                event(number + 2, NOW - timedelta(hours=23), job=ORCHARD),
            ]
            path = tmp_path / f"{number}.duckdb"
            grown_store = grown(grown_store, path, new, now)
            await service.gain(grown_store)
            late |= {f"e0000000-0000-4000-8000-{number + n:012d}" for n in range(3)}
            number += 3
        page = await service.json(page["next"])
        found += [row["id"] for row in page["data"]]
    assert Counter(found).most_common(1)[0][1] == 1
    assert [key for key in found if key not in late] == before
    assert late & set(found)  # the old ones that came late have their place on a later page


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("q=PERSON7@garden.example", 1),
        ("q=user-1", 11),  # and 10 to 19
        ("q=PERSON 1", 11),
        ("q=no%27such%22thing%0A%5C|take 1", 0),
        ("action=delete", 3),
        ("result=warning", 30),
        ("error_code=duplicatetargetentries", 4),
        ("identity_type=Group&app=garden", 12),
        ("operation=referenceresolution", 30),
        ("app=orchard", 33),
        ("app=nobody", 0),
        (f"job_id={GARDEN.upper()}", 57),
        ("app=Garden&job_id=scim.quiet.3", 0),
    ],
)
async def test_filters_and_search(shared: Service, query: str, events: int) -> None:
    assert len(await ids(shared, f"/events?limit=1000&{query}")) == events


async def test_job_has_its_own_events_only(shared: Service) -> None:
    for job, count in ((GARDEN, 57), (ODD, 4), (ORCHARD, 33)):
        rows = (await shared.json(f"/jobs/{quote(job, safe='')}/events?limit=100"))["data"]
        assert {row["job_id"] for row in rows} == {job}
        assert len(rows) == count


async def test_csv_of_events_has_a_line_each(shared: Service) -> None:
    text = (await shared.get("/events?format=csv&limit=1000")).text
    lines = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [line["id"] for line in lines] == await ids(shared, "/events?limit=1000")
    assert {"time", "source.id", "target.name", "service_principal.id", "steps"} <= set(lines[0])


async def test_one_event_is_the_one_of_the_list(shared: Service) -> None:
    row = (await shared.json(f"/events/{EVENT}"))["data"]
    assert row in (await shared.json("/events?limit=1000"))["data"]
    assert (row["id"], row["source"]["id"]) == (EVENT, SOURCE)
    text = (await shared.get(f"/events/{EVENT}?format=csv")).text
    assert text.count("\r\n") == 2
    old = "e0000000-0000-4000-8000-000000000095"
    assert (await shared.json(f"/events/{old}"))["data"]["job_id"] == "scim.quiet.3"


@pytest.mark.parametrize("key", ["nobody", "%00", "a'%22%5C", "%F0%9F%8C%B3", EVENT.upper()])
async def test_event_nobody_knows_is_not_found(shared: Service, key: str) -> None:
    for query in ("", "?format=csv"):
        problem = await shared.problem(f"/events/{key}{query}", 404, "event-not-found")
        assert problem["instance"] == f"/events/{key}"


@pytest.mark.parametrize("query", ["window=1h", "limit=5", "app=x", "event_id=x", "format=svg"])
async def test_one_event_takes_no_window_or_filter(shared: Service, query: str) -> None:
    problem = await shared.problem(f"/events/{EVENT}?{query}", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == query.partition("=")[0]


async def test_identity_has_its_events_over_all_jobs(shared: Service) -> None:
    rows = (await shared.json("/identities/group-1/events"))["data"]
    assert len(rows) == 30
    assert {row["source"]["id"] for row in rows} == {"group-1"}
    assert len((await shared.json("/identities/shared/events?result=failure"))["data"]) == 2
    assert (await shared.json("/identities/shared/events?result=success"))["data"] == []
    assert (await shared.json("/identities/nobody/events"))["data"] == []


@pytest.mark.parametrize(
    "url",
    [
        f"/events?{urlencode({'app': 'Orchard', 'q': 'group', 'result': 'warning'})}",
        f"/events?job_id={GARDEN}",
        f"/events/{EVENT}",
        f"/identities/{SOURCE}/events?action=create",
    ],
)
async def test_kql_of_events_begins_with_what_was_sent(service: Service, url: str) -> None:
    answer = await service.json(url)
    (sent,) = service.workspace.queries
    assert (await service.get(answer["links"]["kql"])).text.startswith(sent)


@pytest.mark.parametrize(
    ("name", "field"), [("event", "event_id"), ("identity-events", "source_id")]
)
async def test_kql_takes_what_the_path_names_as_a_parameter(
    shared: Service, name: str, field: str
) -> None:
    problem = await shared.problem(f"/insights/{name}/kql", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == field
    text = (await shared.get(f"/insights/{name}/kql?{field}=some%27one")).text
    assert '"some\'one"' in text


@pytest.mark.parametrize("url", ["/events?limit=3", f"/identities/{SOURCE}/events"])
async def test_event_names_its_application_where_it_is_one_of_the_fleet(
    shared: Service, url: str
) -> None:
    jobs = {row["job_id"]: row["app"] for row in (await shared.json("/jobs"))["data"]}
    for row in (await shared.json(url))["data"]:
        assert row["app"] == jobs[row["job_id"]]


async def test_event_of_a_clock_that_is_ahead_is_found_by_its_id(
    service: Service, store: Path, tmp_path: Path
) -> None:
    ahead = event(9001, NOW + timedelta(days=30))
    await service.gain(grown(store, tmp_path / "grown.duckdb", [ahead], NOW))
    found = await service.json("/events/e0000000-0000-4000-8000-000000009001")
    assert found["data"]["time"] == "2026-12-22T13:04:10Z"


async def test_ids_with_a_slash_are_reached_by_their_escaped_address(
    service: Service, store: Path, tmp_path: Path
) -> None:
    anchor = "OU=Staff/CN=Ann%2F é"
    new = event(9001, NOW - timedelta(hours=1), source=anchor)
    await service.gain(grown(store, tmp_path / "grown.duckdb", [new], NOW))
    (row,) = (await service.json(f"/identities/{quote(anchor, safe='')}/events"))["data"]
    assert row["source"]["id"] == anchor
    await service.problem("/events/no%2Fsuch", 404, "event-not-found")
    await service.problem("/jobs/no%2fsuch/failures", 404, "job-not-found")
