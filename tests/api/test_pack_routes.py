"""Packs over HTTP: those that come with the service, and those of a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from service.insights.packs.loading import SHIPPED
from tests.api.service import SETTINGS, Service, Start, running
from tests.api.world import GARDEN, ODD, ORCHARD

BUSY = """\
name: busy-objects
title: Busy objects
description: Which objects are written most?
parameters:
  - name: min_events
    type: long
    default: 2
    minimum: 1
    description: How many events an object must have.
kql: |
  {events}
  | where isnotempty(SourceId)
  | summarize events = count() by job_id = JobId, object_id = SourceId
  | where events >= {min_events}
  | order by events desc, job_id asc, object_id asc
columns:
  - {name: job_id, type: string}
  - {name: object_id, type: string}
  - {name: events, type: long}
"""
TOTAL = """\
name: total
title: All events
kql: |
  AADProvisioningLogs
  | where TimeGenerated >= {from} and TimeGenerated < {to}
  | summarize events = count()
columns:
  - {name: events, type: long}
"""
WRONG = BUSY.replace("busy-objects", "wrong").replace("{min_events}", "{max_events}")
NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


@pytest.fixture
async def mine(store: Path, tmp_path: Path) -> AsyncIterator[Service]:
    """The service with a folder of packs, one of them wrong, one with a name that is taken."""
    folder = tmp_path / "packs"
    folder.mkdir()
    taken = TOTAL.replace("name: total", "name: failures")
    for name, text in {"a": WRONG, "b": BUSY, "c": TOTAL, "d": taken}.items():
        (folder / f"{name}.yaml").write_text(text)
    settings = SETTINGS.model_copy(update={"packs": (folder, tmp_path / "absent")})
    async with running(Start(store, settings)) as service:
        await service.settled()
        yield service


@pytest.mark.parametrize("name", NAMES)
async def test_shipped_pack_answers_like_an_insight(service: Service, name: str) -> None:
    answer = await service.json(f"/insights/{name}?window=7d&limit=5")
    assert list(answer) == ["data", "window", "freshness", "next", "links"]
    assert answer["freshness"]["complete"]
    assert answer["links"] == {
        "self": f"/insights/{name}?window=7d&limit=5",
        "kql": f"/insights/{name}/kql?window=7d",
    }
    (sent,) = service.workspace.queries
    assert (await service.get(answer["links"]["kql"])).text == sent + "\n"
    header = (await service.get(f"/insights/{name}?format=csv")).text.partition("\r\n")[0]
    listed = (await service.json("/insights"))["data"]
    (detail,) = [insight for insight in listed if insight["name"] == name]
    assert detail["pack"]
    assert detail["routes"] == [f"/insights/{name}"]
    assert detail["kql"] == f"/insights/{name}/kql"
    assert list(detail["columns"]["properties"]) == header.split(",")


async def test_shipped_pack_finds_what_there_is(shared: Service) -> None:
    url = "/insights/privileged-groups?limit=1000"
    assert (await shared.json(url))["data"] == []
    rows = (await shared.json(f"{url}&groups=person"))["data"]
    assert {row["job_id"] for row in rows} == {GARDEN}
    assert {row["group_name"] for row in rows} == {f"Person {number}" for number in range(25, 37)}


async def test_own_pack_counts_and_is_asked_once_for_all_jobs(mine: Service) -> None:
    rows = (await mine.json("/insights/busy-objects"))["data"]
    assert rows == [
        {"job_id": ORCHARD, "object_id": "group-1", "events": 30},
        {"job_id": GARDEN, "object_id": "shared", "events": 2},
    ]
    garden = (await mine.json("/insights/busy-objects?app=garden"))["data"]
    assert garden == rows[1:]
    assert (await mine.json(f"/insights/busy-objects?job_id={ORCHARD}"))["data"] == rows[:1]
    assert (await mine.json("/insights/busy-objects?app=nobody"))["data"] == []
    first = await mine.json("/insights/busy-objects?limit=1")
    assert first["data"] + (await mine.json(first["next"]))["data"] == rows
    assert len(mine.workspace.queries) == 1


async def test_own_parameter_is_used_and_bound(mine: Service) -> None:
    assert len((await mine.json("/insights/busy-objects?min_events=3"))["data"]) == 1
    many = (await mine.json("/insights/busy-objects?min_events=1&limit=1000"))["data"]
    assert ODD in {row["job_id"] for row in many}
    assert (await mine.json("/insights/busy-objects?min_events=3&result=failure"))["data"] == []
    kql = (await mine.get("/insights/busy-objects/kql?min_events=7&app=Garden")).text
    assert "events >= 7" in kql
    assert f'job_id in~ ("{GARDEN}")' in kql


@pytest.mark.parametrize("value", ["0", "many", "1.5", "", "1%20or%20true"])
async def test_bad_value_is_named(mine: Service, value: str) -> None:
    for path in ("", "/kql"):
        url = f"/insights/busy-objects{path}?min_events={value}"
        problem = await mine.problem(url, 400, "invalid-parameter")
        assert [error["parameter"] for error in problem["errors"]] == ["min_events"]
        assert "expected" in problem["detail"]
    assert mine.workspace.queries == []


@pytest.mark.parametrize(
    "query", ["colour=red", "min_events=1&min_events=2", "bin=2h", "format=svg", "cursor=x"]
)
async def test_common_rules_hold_for_packs(mine: Service, query: str) -> None:
    problem = await mine.problem(f"/insights/busy-objects?{query}", 400, "invalid-parameter")
    assert problem["errors"][0]["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "query",
    ["job_id=x", "app=x", "action=create", "result=failure", "error_code=x", "operation=x"],
)
async def test_filter_that_a_pack_can_not_apply_is_refused(mine: Service, query: str) -> None:
    await mine.get("/insights/total")
    for path in ("", "/kql"):
        url = f"/insights/total{path}?{query}"
        problem = await mine.problem(url, 400, "invalid-parameter")
        assert problem["errors"][0]["parameter"] == query.partition("=")[0]


async def test_bad_packs_are_listed_as_refused_and_stop_nothing(mine: Service) -> None:
    catalogue = await mine.json("/insights")
    names = [insight["name"] for insight in catalogue["data"] if insight["pack"]]
    assert names == [*NAMES, "busy-objects", "total"]
    refused = {item["file"]: item for item in catalogue["refused"]}
    assert set(refused) == {"a.yaml", "d.yaml", "absent"}
    assert refused["a.yaml"]["line"] > 1
    assert "max_events" in refused["a.yaml"]["message"]
    assert "failures" in refused["d.yaml"]["message"]
    await mine.problem("/insights/wrong", 404, "insight-not-found")
    assert "columns" in await mine.json("/insights/failures")


@pytest.mark.parametrize("broken", ["*", "(admin", "\\"])
async def test_broken_regular_expression_is_the_callers_mistake(
    shared: Service, broken: str
) -> None:
    url = f"/insights/privileged-groups?{urlencode({'groups': broken})}"
    problem = await shared.problem(url, 400, "invalid-parameter")
    assert [error["parameter"] for error in problem["errors"]] == ["groups"]
