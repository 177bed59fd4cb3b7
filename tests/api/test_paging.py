"""Paging through an answer, as a caller does it: by following `next`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from service.records.importing import add_lines
from service.records.store import Store
from service.workspace.embedded import EmbeddedWorkspace
from tests.api.service import SETTINGS, Service, Start, running
from tests.api.world import GARDEN, HOSTILE_APP, NOW, ODD, event


async def pages(service: Service, url: str) -> list[Any]:
    found = []
    following: str | None = url
    while following:
        answer = await service.get(following)
        page = answer.json()
        found.append(page)
        following = page["next"]
        link = f'<{following}>; rel="next"' if following else None
        assert answer.headers.get("link") == link
    return found


def rows(found: list[Any]) -> list[Any]:
    return [row for page in found for row in page["data"]]


@pytest.mark.parametrize("route", ["/skipped-members", "/failures", "/cycles", "/jobs", "/silence"])
@pytest.mark.parametrize("limit", [1, 7])
async def test_pages_are_the_whole_answer_in_order(shared: Service, route: str, limit: int) -> None:
    whole = await shared.json(f"{route}?limit=1000")
    found = await pages(shared, f"{route}?limit={limit}")
    assert rows(found) == whole["data"]
    assert whole["next"] is None
    assert len(found) == -(-len(whole["data"]) // limit)
    assert {len(page["data"]) for page in found[:-1]} <= {limit}


async def test_hundred_rows_are_a_page_unless_said(shared: Service) -> None:
    found = await pages(shared, "/cycles?window=40d&bin=1h&app=nobody&app=garden&app=orchard")
    assert len(found[0]["data"]) == min(100, len(rows(found)))


async def test_window_stays_while_the_clock_goes_on(service: Service) -> None:
    whole = await service.json("/skipped-members?window=24h&limit=1000")
    page = await service.json("/skipped-members?window=24h&limit=10")
    found = list(page["data"])
    while page["next"]:
        service.clock.advance(hours=7)
        page = await service.json(page["next"])
        assert page["window"] == whole["window"]
        found += page["data"]
    assert found == whole["data"]
    later = await service.json("/skipped-members?window=24h")
    assert later["window"] != whole["window"]


async def test_limit_may_change_on_the_way(shared: Service) -> None:
    first = await shared.json("/skipped-members?limit=3")
    split = urlsplit(first["next"])
    pairs = [pair for pair in parse_qsl(split.query) if pair[0] != "limit"]
    rest = await shared.json(f"{split.path}?{urlencode(pairs)}&limit=1000")
    whole = await shared.json("/skipped-members?limit=1000")
    assert first["data"] + rest["data"] == whole["data"]


@pytest.mark.parametrize(
    "values",
    [
        {"app": HOSTILE_APP},
        {"job_id": ODD},
        {"error_code": "+1", "app": HOSTILE_APP, "result": "failure"},
    ],
)
async def test_next_works_verbatim_whatever_the_values(
    shared: Service, values: dict[str, str]
) -> None:
    found = await pages(shared, f"/spikes?of=result&{urlencode(values)}&limit=1")
    assert [row["job_id"] for row in rows(found)] == [ODD]
    several = await pages(shared, f"/failures?app={quote(HOSTILE_APP)}&limit=1")
    assert [row["error_code"] for row in rows(several)] == ["+1", "-1", "=1+1", "@SUM(A1)"]


async def test_next_of_a_job_whose_id_is_odd_works_verbatim(shared: Service) -> None:
    found = await pages(shared, f"/jobs/{quote(ODD, safe='')}/failures?limit=1")
    assert len(rows(found)) == 4


async def test_pages_of_csv_follow_the_link(shared: Service) -> None:
    url, found = "/skipped-members?format=csv&limit=20", []
    while url:
        answer = await shared.get(url)
        header, *lines = answer.text.split("\r\n")[:-1]
        found += lines
        url = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    whole = (await shared.get("/skipped-members?format=csv&limit=1000")).text.split("\r\n")[:-1]
    assert [header, *found] == whole


@pytest.mark.parametrize(
    "other",
    [
        "/cycles?limit=5&cursor={}",
        "/failures?limit=5&cursor={}&app=Garden",
        "/failures?limit=5&cursor={}&window=24h",
        "/failures?limit=5&cursor={}&format=csv",
        f"/jobs/{GARDEN}/failures?limit=5&cursor={{}}",
    ],
)
async def test_cursor_is_good_for_its_own_question_only(shared: Service, other: str) -> None:
    following = (await shared.json("/failures?limit=5"))["next"]
    token = dict(parse_qsl(urlsplit(following).query))["cursor"]
    problem = await shared.problem(other.format(token), 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == "cursor"


async def test_empty_cursor_is_a_damaged_one(shared: Service) -> None:
    problem = await shared.problem("/failures?cursor=", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == "cursor"


async def test_cursor_of_another_key_is_refused(shared: Service, store: Path) -> None:
    following = (await shared.json("/failures?limit=5"))["next"]
    settings = SETTINGS.model_copy(update={"cursor_key": SecretStr("another")})
    async with running(Start(store, settings)) as stranger:
        await stranger.problem(following, 400, "invalid-parameter")
    async with running(Start(store, SETTINGS)) as replica:
        await replica.get(following)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_links_lead_back_to_the_same_question(shared: Service, text: str) -> None:
    url = f"/failures?error_code={quote(text, safe='')}&limit=1"
    answer = await shared.json(url)
    again = await shared.json(answer["links"]["self"])
    assert again["links"] == answer["links"]
    assert parse_qsl(urlsplit(again["links"]["self"]).query, keep_blank_values=True) == parse_qsl(
        urlsplit(url).query, keep_blank_values=True
    )
    await shared.get(answer["links"]["kql"])


async def test_self_of_a_later_page_is_that_page(shared: Service) -> None:
    first = await shared.json("/failures?limit=5")
    second = await shared.json(first["next"])
    assert second["links"]["self"] == first["next"]
    assert "cursor" not in second["links"]["kql"]


async def test_each_of_many_events_is_read_once_while_others_arrive(
    service: Service, tmp_path: Path
) -> None:
    """Ten events share each time; what arrives lies before, at and behind the end of a page."""
    path = tmp_path / "many.duckdb"
    many = 20_000
    with Store.create_or_open(path, service.clock.now) as writing:
        numbers = range(100_000, 100_000 + many)
        add_lines((event(n, NOW - timedelta(seconds=40 * (n % 2000))) for n in numbers), writing)
        # The reading connection shares the writer's database: what is added is seen at once.
        shared = EmbeddedWorkspace(duckdb.connect(str(path)), now=service.clock.now)
        await service.workspace.hold(shared)
        due = Counter(_key(number) for number in numbers)
        arrived = iter(range(10_000))
        found: Counter[str] = Counter()
        following: str | None = "/events?window=24h&limit=1000"
        while following:
            page = await service.json(following)
            found.update(row["id"] for row in page["data"])
            following, last = page["next"], page["data"][-1]
            if following:
                end = datetime.fromisoformat(last["time"])
                times = (end, end, end + timedelta(seconds=1), end - timedelta(seconds=1))
                more = [(base + next(arrived), at) for at in times for base in (0, 200_000)]
                for number, at in more:
                    key = _key(number)
                    due[key] += at < end or (at == end and key > last["id"])
                add_lines((event(number, at) for number, at in more), writing)
    assert found == +due


def _key(number: int) -> str:
    return f"e0000000-0000-4000-8000-{number:012d}"
