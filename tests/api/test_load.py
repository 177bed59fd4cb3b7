"""What callers cost the workspace, however many they are and whatever they ask."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from starlette.types import Message

from service.workspace.errors import WorkspaceUnavailable
from tests.api.service import SETTINGS, Service, Start, running
from tests.api.world import GARDEN, NOW, event, made_store
from tests.metrics.scraping import scrape

JOBS = 1000
ROUTES = (
    *("/jobs", "/failures", "/errors", "/actions", "/operations", "/spikes", "/skips", "/cycles"),
    *("/objects", "/silence", "/skipped-members"),
)
OF_A_JOB = ("", "/failures", "/errors", "/actions", "/skips", "/cycles", "/objects")


def fleet() -> Iterator[bytes]:
    """Three events of each job within a day, one of them a failure."""
    for number in range(3 * JOBS):
        yield event(
            number,
            NOW - timedelta(minutes=number % 1400),
            job=f"job-{number % JOBS}",
            result="failure" if number % 3 == 0 else "success",
            code="Locked" if number % 3 == 0 else "",
        )


@pytest.fixture(scope="module")
def fleet_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_store(tmp_path_factory.mktemp("load") / "fleet.duckdb", fleet())


@pytest_asyncio.fixture
async def fleet_service(fleet_store: Path) -> AsyncIterator[Service]:
    async with running(Start(fleet_store, metered=True)) as started:
        await started.settled()
        yield started


async def ask(service: Service, url: str, sees: str = "everything") -> int:
    """The status of a GET, without a client's work around it."""
    path, query = urlsplit(url).path, urlsplit(url).query
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("service", 80),
        "state": {"sees": sees},
    }
    await service.app(scope, receive, send)
    return status


async def test_two_hundred_callers_at_once_on_a_cold_answer_cost_one_query(
    fleet_service: Service,
) -> None:
    urls = [f"/failures?limit={limit}" for limit in range(1, 201)]  # no body is shared
    assert set(await asyncio.gather(*(ask(fleet_service, url) for url in urls))) == {200}
    assert len(fleet_service.workspace.queries) == 1


async def test_what_one_caller_may_see_is_not_kept_for_another(fleet_service: Service) -> None:
    for sees in ("everything", "job-1", "job-1", "job-2"):
        assert await ask(fleet_service, "/failures", sees) == 200
    assert len(fleet_service.workspace.queries) == 3
    found = await scrape(fleet_service)
    assert found.of("insights_cache_requests_total", cache="bodies") == {("hit",): 1, ("miss",): 3}


async def test_mixed_requests_over_a_thousand_jobs_cost_what_one_caller_costs(
    fleet_service: Service,
) -> None:
    service, chance = fleet_service, random.Random(1)
    for route in ROUTES:
        assert await ask(service, route) == 200
    one_caller = Counter(service.workspace.queries)
    assert set(one_caller.values()) == {1}
    service.workspace.queries.clear()
    mixed = [f"/jobs/job-{chance.randrange(JOBS)}{chance.choice(OF_A_JOB)}" for _ in range(600)]
    mixed = [chance.choice(ROUTES if chance.random() < 0.3 else mixed) for _ in range(10_000)]
    statuses: Counter[int] = Counter()
    for start in range(0, len(mixed), 200):
        statuses.update(
            await asyncio.gather(*(ask(service, url) for url in mixed[start : start + 200]))
        )
        if start % 2000 == 0:
            service.clock.advance(seconds=10)
    assert statuses == {200: 10_000}
    assert service.workspace.queries == []


async def test_many_cold_questions_at_once_never_overrun_the_workspace(
    fleet_store: Path,
) -> None:
    settings = SETTINGS.model_copy(update={"query_budget": 20, "queue_length": 8})
    async with running(Start(fleet_store, settings, metered=True)) as service:
        await service.settled()
        service.clock.advance(seconds=31)
        service.workspace.gate = asyncio.Event()
        cold = [
            asyncio.create_task(service.client.get(f"/failures?window={days}d"))
            for days in range(1, 61)
        ]
        for turned_away in itertools.islice(asyncio.as_completed(cold), 48):
            answer = await turned_away
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        assert len(service.workspace.queries) == 4
        service.workspace.gate.set()
        answers = await asyncio.gather(*cold)
        assert Counter(answer.status_code for answer in answers) == {200: 12, 503: 48}


async def test_hour_long_outage_is_lived_through_and_over_within_one_interval(
    store: Path,
) -> None:
    async with running(Start(store, metered=True)) as service:
        await service.settled()
        await live_through_an_hour_away(service)


async def live_through_an_hour_away(service: Service) -> None:
    workspace = service.workspace
    warmed = [*ROUTES, "/failures?window=2h", *(f"/jobs/{GARDEN}{route}" for route in OF_A_JOB)]
    found = {url: bool((await service.json(url))["data"]) for url in warmed}
    workspace.failing = WorkspaceUnavailable("Out of reach.")
    workspace.queries.clear()
    for minute in range(2, 61, 2):
        service.clock.advance(minutes=2)
        await service.refresh()
        if minute % 20:
            continue
        for url in warmed:
            answer = await service.get(url)
            freshness = answer.json()["freshness"]
            assert (freshness["status"], answer.headers["age"]) == ("stale", str(60 * minute))
            assert "Out of reach." in freshness["reason"]
            assert bool(answer.json()["data"]) == found[url]
        cold = await asyncio.gather(
            *(service.client.get(f"/failures?window={80 - days}d") for days in range(20))
        )
        assert {answer.status_code for answer in cold} == {503}
        assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in cold)
    # One probe for each refresh, and what was asked until it was clear that nobody is there.
    assert len(workspace.queries) <= 30 + 5
    workspace.queries.clear()
    workspace.failing = None
    service.clock.advance(minutes=1)
    await service.refresh()
    # What finds the workspace back wakes the refresh: nobody turns the clock for it.
    for _ in range(2000):
        if (await service.json("/readyz"))["status"] == "ready":
            break
        await asyncio.sleep(0.01)
    answers = await asyncio.gather(*(service.json(url) for url in warmed for _ in range(5)))
    assert {answer["freshness"]["status"] for answer in answers} == {"fresh"}
    assert max(Counter(workspace.queries).values()) == 1
