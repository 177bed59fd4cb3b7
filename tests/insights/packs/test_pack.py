"""A pack as an insight: who is asked about, with what, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.packs.pack import Pack, PackOptions
from service.table import COLUMNS, TABLE, TableSchema
from service.workspace.embedded.translation import translate
from service.workspace.errors import QueryRejected
from tests.insights.packs.rooms import PackEvent, ask, open_room, pack_file
from tests.insights.packs.texts import MINE
from tests.kql.hostile import texts
from tests.stores import NOW, Room, question

TODAY = NOW - timedelta(hours=2)

EVERYTHING = """\
name: everything
title: Every type
kql: |
  {events}
  | where SourceName == {text} or SourceName in ({texts})
  | where DurationMs >= {least} and {share} < 1.0 and {flag} and TimeGenerated > {after}
  | extend Age = datetime(2026-11-18T12:00:00Z) - TimeGenerated
  | where Age <= {age}
  | project at = TimeGenerated, JobId, text = SourceName, number = DurationMs, share = 1.5,
      flag = isempty(ErrorCode), age = Age, any = parse_json(ProvisioningSteps)[0].name
  | order by at desc, text asc
parameters:
  - {name: text, type: string, default: ""}
  - {name: texts, type: strings, default: []}
  - {name: least, type: long, default: 0}
  - {name: share, type: real, default: 0.5}
  - {name: flag, type: bool, default: true}
  - {name: after, type: datetime, default: "2020-01-01T00:00:00Z"}
  - {name: age, type: timespan, default: 365d, maximum: 365d}
columns:
  - {name: JobId, type: string}
  - {name: at, type: datetime}
  - {name: text, type: string}
  - {name: number, type: long}
  - {name: share, type: real}
  - {name: flag, type: bool}
  - {name: age, type: timespan}
  - {name: any, type: dynamic}
"""


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """Three events of job-a, one a failure, and one of job-b in another application."""
    events = [
        PackEvent(TODAY, source_name="one"),
        PackEvent(TODAY + timedelta(minutes=1), source_name="two", result="Failure", code="E"),
        PackEvent(TODAY + timedelta(minutes=2), source_name="three"),
        PackEvent(TODAY, job="job-b", source_name="four", app_id="app-b", app="Orchard"),
        PackEvent(NOW - timedelta(days=3), source_name="five"),
    ]
    made = open_room(tmp_path / "events.duckdb", events)
    yield made
    await made.workspace.close()


def pack(folder: Path, text: str) -> Pack:
    return pack_file(folder, text).pack


async def test_values_of_every_type_come_back_in_the_declared_order(
    room: Room, tmp_path: Path
) -> None:
    mine = pack(tmp_path, EVERYTHING)
    (row,) = await ask(room, mine, question(), {"texts": ["two"], "age": "2h"})
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    assert list(values) == ["JobId", "at", "text", "number", "share", "flag", "age", "any"]
    at = TODAY + timedelta(minutes=1)
    assert values == {
        "JobId": "job-a",
        "at": at,
        "text": "two",
        "number": 101,
        "share": 1.5,
        "flag": False,
        "age": NOW - at,
        "any": "EntryImport",
    }


async def test_rows_keep_the_querys_own_order(room: Room, tmp_path: Path) -> None:
    rows = await ask(
        room, pack(tmp_path, EVERYTHING), question(), {"texts": ["one", "two", "three", "four"]}
    )
    assert [row.text for row in rows] == ["three", "two", "four", "one"]


async def test_filters_on_events_reach_a_query_of_events(room: Room, tmp_path: Path) -> None:
    mine = pack(tmp_path, EVERYTHING)
    assert mine.filters_events
    given = {"texts": ["one", "two"]}
    rows = await ask(room, mine, question(results=["failure"]), given)
    assert [row.text for row in rows] == ["two"]


@pytest.mark.parametrize(
    "chosen", [{"job": "job-b"}, {"jobs": ["job-b"]}, {"apps": ["orchard"]}], ids=str
)
async def test_rows_with_a_job_are_cut_for_the_chosen_jobs(
    room: Room, tmp_path: Path, chosen: Any
) -> None:
    mine = pack(tmp_path, EVERYTHING)
    assert mine.chooses_jobs
    assert not mine.names_jobs
    asked = question(**chosen)
    rows = await ask(room, mine, asked, {"texts": ["one", "four"]})
    assert [row.text for row in rows] == ["four"]
    queries = [
        mine.queries(each, PackOptions(mine.values({})), TableSchema())[0].kql.text
        for each in (asked, question())
    ]
    assert queries[0] == queries[1], "one query serves all jobs"


async def test_each_row_says_its_job_as_the_directory_knows_it(room: Room, tmp_path: Path) -> None:
    mine = pack(tmp_path, EVERYTHING)
    options = PackOptions(mine.values({"text": "four"}))
    ((job, _),) = (await room.answer(mine, question(), options)).rows
    assert job.app.name == "Orchard"


FLEET = """\
name: fleet
title: All together
kql: |
  AADProvisioningLogs
  | where TimeGenerated >= {from} and TimeGenerated < {to}
  | summarize events = count()
columns: [{name: events, type: long}]
"""


async def test_jobs_are_named_in_the_query_where_it_asks_for_them(
    room: Room, tmp_path: Path
) -> None:
    mine = pack(tmp_path, FLEET.replace("{to}", "{to} and JobId in ({jobs})"))
    assert mine.names_jobs
    assert [row.events for row in await ask(room, mine, question())] == [4]
    assert [row.events for row in await ask(room, mine, question(apps=["orchard"]))] == [1]
    assert [row.events for row in await ask(room, mine, question(jobs=["absent"]))] == [0]


async def test_a_pack_without_jobs_answers_for_the_fleet_only(room: Room, tmp_path: Path) -> None:
    mine = pack(tmp_path, FLEET)
    assert not mine.chooses_jobs
    assert not mine.filters_events
    ((job, row),) = (await room.answer(mine, question(), PackOptions())).rows
    assert job is None
    assert row.events == 4


async def test_nothing_before_the_window_is_seen_without_look_back(
    room: Room, tmp_path: Path
) -> None:
    text = FLEET.replace(">= {from}", ">= {from} - 7d")
    assert [row.events for row in await ask(room, pack(tmp_path, text), question())] == [4]
    text = text.replace("- 7d", "- 6d").replace("kql:", "look_back: 6d\nkql:")
    assert [row.events for row in await ask(room, pack(tmp_path, text), question())] == [5]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("[{name: event, type: long}]", "gives no column event; it gives events"),
        ("[{name: events, type: string}]", "gives events as long, declared is string"),
        ("[{name: events, type: long}, {name: x, type: long}]", "gives no column x"),
    ],
)
async def test_other_columns_than_declared_reject_the_query(
    room: Room, tmp_path: Path, columns: str, message: str
) -> None:
    mine = pack(tmp_path, FLEET.replace("[{name: events, type: long}]", columns))
    with pytest.raises(QueryRejected, match=f"The pack fleet can't be answered: .*{message}"):
        await ask(room, mine, question())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nothing": "1"}, "nothing: everything has no such parameter"),
        ({"least": "1.5"}, "least: expected a whole number"),
        ({"least": str(2**63)}, "least: expected an int of 64 bits"),
        ({"least": True}, "least: expected a whole number"),
        ({"share": "nan"}, "share: expected a number"),
        ({"share": "1e999"}, "share: expected a number"),
        ({"flag": "yes"}, "flag: expected true or false"),
        ({"after": "2026-01-01"}, "after: expected an RFC 3339 time"),
        ({"age": "soon"}, "age: expected a duration"),
        ({"age": "366d"}, "age: expected at most P365D"),
        ({"age": "P99999WT1H"}, "age: expected a duration"),
        ({"text": "x" * 513}, "text: expected text of at most 512 characters"),
        ({"text": "\ud800"}, "text: expected text, not half"),
        ({"texts": "one"}, "texts: expected a list"),
        ({"texts": ["x"] * 201}, "texts: expected a list of at most 200"),
    ],
)
def test_wrong_value_names_its_parameter_and_what_is_expected(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pack(tmp_path, EVERYTHING).values(given)


def test_values_are_read_from_the_texts_of_an_address(tmp_path: Path) -> None:
    given = {
        "text": "a",
        "texts": ["b"],
        "least": "-5",
        "share": ".25",
        "flag": "false",
        "after": "2026-11-18T13:00:00+01:00",
        "age": "PT1H",
    }
    assert pack(tmp_path, EVERYTHING).values(given) == {
        "text": "a",
        "texts": ["b"],
        "least": -5,
        "share": 0.25,
        "flag": False,
        "after": datetime(2026, 11, 18, 12, tzinfo=UTC),
        "age": timedelta(hours=1),
    }


def test_parameter_without_a_default_must_be_given(tmp_path: Path) -> None:
    text = MINE.partition("metrics:")[0].replace("    default: 2\n", "")
    with pytest.raises(ValueError, match="min_events: expected a value; it has no default"):
        pack(tmp_path, text).values({})


async def test_hostile_values_stay_values(room: Room, tmp_path: Path) -> None:
    mine = pack(tmp_path, EVERYTHING)
    schema = TableSchema()

    @settings(deadline=None, max_examples=50)
    @given(texts, st.lists(texts, max_size=3), texts)
    def check(text: str, several: list[str], job: str) -> None:
        options = PackOptions(mine.values({"text": text, "texts": several}), (job,))
        (query,) = mine.queries(question(), options, schema)
        assert translate(query.kql.text, schema).sql

    check()


@pytest.mark.parametrize("lacking", ["ModifiedProperties", "DurationMs", "TargetSystem"])
@pytest.mark.parametrize(
    "kql",
    [
        f"{TABLE} | where isempty(tostring({{0}}))",
        f"{TABLE} | join kind=inner {TABLE} on JobId | where isempty(tostring({{0}}))",
        f"let All = {TABLE}; All | where isempty(tostring({{0}})) | union (All | where false)",
        "{events} | where isempty(tostring({0}))",
    ],
)
async def test_columns_that_the_workspace_lacks_are_empty_and_named(
    tmp_path: Path, kql: str, lacking: str
) -> None:
    text = FLEET.partition("kql:")[0] + (
        f"kql: |\n  {kql.replace('{0}', lacking)} | summarize events = count()\n"
        "columns: [{name: events, type: long}]\n"
    )
    mine = pack(tmp_path, text)
    made = open_room(
        tmp_path / "events.duckdb", [PackEvent(TODAY)], columns=set(COLUMNS) - {lacking}
    )
    try:
        answered = await made.answer(mine, question(), PackOptions())
        assert [row.events for _, row in answered.rows] == [1]
        assert not answered.freshness.complete
        assert answered.freshness.reason == f"the workspace lacks the columns {lacking}"
    finally:
        await made.workspace.close()
