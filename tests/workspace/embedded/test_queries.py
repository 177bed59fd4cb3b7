"""KQL as people write it runs on the embedded workspace, and gives the right rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.table import COLUMNS
from service.workspace.errors import QueryRejected
from service.workspace.protocol import TimeSpan
from tests.stores import NOW, Event, MakeRoom, Step

SEED_QUERIES = Path(__file__).parents[4] / "shared" / "domain" / "seed-queries.kql"
DAY = timedelta(days=1)


def unresolved(member: str, group: str) -> tuple[Step, ...]:
    text = f"We were unable to assign {member} as the members of {group}. It is not in scope."
    details = {"ErrorCode": "UnableToResolveReferenceAttributeValue"}
    return (
        Step("EntryImport"),
        Step("EntryMatch"),
        Step("ReferenceResolution", text, details),
        Step("EntryExportUpdate"),
    )


EVENTS = (
    Event(NOW - 3 * DAY, id="e1", code="Timeout", result="Failure", source_id="user-7"),
    Event(NOW - 3 * DAY, id="e2", action="Create", steps=(Step("EntryExportAdd"),)),
    Event(NOW - 2 * DAY, id="e3", action="Disable", steps=()),
    Event(NOW - 9 * DAY, id="e4", action="Delete", steps=(Step("EntryExportDelete"),)),
    Event(
        NOW - 1 * DAY,
        id="e5",
        job="job-b",
        source_id="group-1",
        source_name="Gärtner",
        source_type="Group",
        steps=unresolved("member-1", "Gärtner"),
    ),
)


@pytest.mark.parametrize(
    ("kql", "expected"),
    [
        pytest.param(
            """
            // Whom does this ID belong to?
            AADProvisioningLogs
            | extend SourceIdentity = parse_json(SourceIdentity)
            | where tostring(SourceIdentity.Id) == "user-7"
            | project Id
            """,
            [("e1",)],
            id="a column made of itself",
        ),
        pytest.param(
            "AADProvisioningLogs | summarize count() by Code = ResultSignature",
            [("", 4), ("Timeout", 1)],
            id="summarize by a renamed column",
        ),
        pytest.param(
            "AADProvisioningLogs | where TimeGenerated > ago(7d)\n"
            "| summarize count() by Action, bin(TimeGenerated, 1d)",
            [
                ("Create", datetime(2026, 11, 15, tzinfo=UTC), 1),
                ("Disable", datetime(2026, 11, 16, tzinfo=UTC), 1),
                ("Update", datetime(2026, 11, 15, tzinfo=UTC), 1),
                ("Update", datetime(2026, 11, 17, tzinfo=UTC), 1),
            ],
            id="ago and days",
        ),
        pytest.param(
            "AADProvisioningLogs | extend Steps = parse_json(ProvisioningSteps)\n"
            "| extend Last = tostring(Steps.[-1].name) | summarize count() by Last, JobId\n"
            "| order by JobId asc, Last asc | take 3",
            [("", "job-a", 1), ("EntryExportAdd", "job-a", 1), ("EntryExportDelete", "job-a", 1)],
            id="the last step, from the end",
        ),
        pytest.param(
            "AADProvisioningLogs | extend Steps = parse_json(ProvisioningSteps)\n"
            '| where Steps matches regex "UnableTo[A-Z][a-z]+"\n'
            '| parse tostring(Steps.[2].description) with "We were unable to assign " Member'
            ' " as the members of " Group "." *\n| project Group, Member, JobId',
            [("Gärtner", "member-1", "job-b")],
            id="parse the third step",
        ),
        pytest.param(
            'AADProvisioningLogs | where Action in ("Disable", "Delete") | project Id',
            [("e3",), ("e4",)],
            id="in",
        ),
        pytest.param(
            "let busy = AADProvisioningLogs | where TimeGenerated between (ago(5d) .. now());\n"
            "busy | join kind=inner (AADProvisioningLogs | distinct Id, Type) on Id | count",
            [(4,)],
            id="let, between and join",
        ),
        pytest.param(
            "AADProvisioningLogs | summarize percentile(DurationMs, 50), dcount(JobId),"
            " make_set(JobId) by Type",
            [("AADProvisioningLogs", 102, 2, ["job-a", "job-b"])],
            id="percentile, dcount and make_set",
        ),
    ],
)
async def test_what_people_write_gives_the_right_rows(
    room: MakeRoom, kql: str, expected: list[tuple[object, ...]]
) -> None:
    rows = (await room(EVENTS).kql(kql)).rows
    plain = [tuple(sorted(v) if isinstance(v, list) else v for v in row) for row in rows]
    assert sorted(plain, key=str) == sorted(expected, key=str)


async def test_columns_come_in_the_order_of_the_table(room: MakeRoom) -> None:
    result = await room(EVENTS).kql("AADProvisioningLogs | take 2")
    assert {column.name: column.type for column in result.columns} == COLUMNS
    assert [column.name for column in result.columns] == list(COLUMNS)
    assert len(result.rows) == result.statistics.rows == 2
    assert result.partial is None


async def test_render_is_no_hindrance(room: MakeRoom) -> None:
    kql = "AADProvisioningLogs | summarize count() by bin(TimeGenerated, 1d) | render timechart"
    assert len((await room(EVENTS).kql(kql)).rows) == 4


async def test_published_queries_run_word_for_word(room: MakeRoom) -> None:
    if not SEED_QUERIES.exists():
        pytest.skip(f"the published queries are not at {SEED_QUERIES.name}")
    queries = re.split(r"(?m)^(?=// \d+\.)", SEED_QUERIES.read_text("utf-8"))
    texts = [text for text in queries if text.strip()]
    assert len(texts) == 10
    jobs = sorted(set(re.findall(r'JobId == "([^"]+)"', "".join(texts))))
    source = re.search(r'SourceIdentity.Id\) == "([^"]+)"', texts[0])
    assert source
    group = {"source_type": "Group", "source_name": "Oak", "steps": unresolved("member-1", "Oak")}
    events = [
        Event(NOW - DAY, job=job, action=action, result="Failure", code="Timeout", **given)
        for job in jobs
        for action in ("Disable", "Delete")
        for given in ({"source_id": source[1]}, group)
    ]
    seed = room(events)
    results = [await seed.kql(text) for text in texts]
    kept = len(events)
    half = kept // 2
    assert [len(result.rows) for result in results] == [
        half, 1, 2, half, 2, 1, 1, kept // len(jobs), 1, kept,
    ]  # fmt: skip
    assert {row[:2] for row in results[4].rows} == {("Oak", "member-1")}
    assert {row[0] for row in results[5].rows} == {"EntryExportUpdate"}


async def test_arrival_is_what_the_store_wrote_down(room: MakeRoom) -> None:
    kql = "AADProvisioningLogs | extend Arrived = ingestion_time() | project Arrived, TimeGenerated"
    rows = (await room([Event(NOW - DAY)]).kql(kql)).rows
    assert rows == [(NOW, NOW - DAY)]


async def test_arrival_is_no_column_of_the_table(room: MakeRoom) -> None:
    asked = room([Event(NOW - DAY)])
    await asked.kql("AADProvisioningLogs | where ingestion_time() > ago(1d)")
    names = [column.name for column in (await asked.kql("AADProvisioningLogs")).columns]
    assert names == list(COLUMNS)


async def test_now_is_the_clock_that_was_handed_in(room: MakeRoom) -> None:
    times = iter([NOW, NOW + DAY])
    asked = room([Event(NOW - DAY)], now=lambda: next(times))
    kql = "print Now = now(), Before = ago(1h), Text = '$kqlnow'"
    assert (await asked.kql(kql)).rows == [(NOW, NOW - timedelta(hours=1), "$kqlnow")]
    assert (await asked.kql(kql)).rows[0][0] == NOW + DAY


async def test_rows_outside_the_span_are_not_seen(room: MakeRoom) -> None:
    asked = room([Event(NOW - DAY), Event(NOW), Event(NOW + DAY)])
    counted = await asked.kql("AADProvisioningLogs | count", TimeSpan(NOW, NOW + DAY))
    assert counted.rows == [(1,)]


@pytest.mark.parametrize(
    "there", [{"Action"}, {"ProvisioningAction"}, {"Action", "ProvisioningAction"}], ids=sorted
)
async def test_only_columns_that_are_there_can_be_asked_for(
    room: MakeRoom, there: set[str]
) -> None:
    columns = set(COLUMNS) - {"Action", "ProvisioningAction"} | there
    asked = room([Event(NOW, action="Disable")], columns=columns)
    assert (await asked.workspace.schema()).columns == columns
    spelled = {"Action": "Disable", "ProvisioningAction": "disable"}
    for name, value in spelled.items():
        kql = f"AADProvisioningLogs | project {name}"
        if name in there:
            assert (await asked.kql(kql)).rows == [(value,)]
        else:
            with pytest.raises(QueryRejected, match=name):
                await asked.kql(kql)


async def test_types_are_those_of_kql(room: MakeRoom) -> None:
    asked = room([Event(NOW)])
    kql = """
    print Bool = true, Datetime = datetime(2026-11-18T12:00:00.5Z), Int = int(3), Long = 5,
        Real = 1.5, Nan = real(nan), NoReal = real(null), Span = 36h + 500ms, Text = "x",
        Bag = dynamic({"a": [1, null, "x"]}), Json = parse_json("{\\"b\\": 1.5}"),
        Guid = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), NoTime = datetime(null),
        NoSpan = timespan(null), NoLong = long(null), NoBool = bool(null)
    """
    result = await asked.kql(kql)
    columns = {column.name: column.type for column in result.columns}
    assert dict(zip(columns, zip(columns.values(), result.rows[0], strict=True), strict=True)) == {
        "Bool": ("bool", True),
        "Datetime": ("datetime", NOW + timedelta(milliseconds=500)),
        "Int": ("int", 3),
        "Long": ("long", 5),
        "Real": ("real", 1.5),
        "Nan": ("real", None),
        "NoReal": ("real", None),
        "Span": ("timespan", timedelta(hours=36, milliseconds=500)),
        "Text": ("string", "x"),
        "Bag": ("dynamic", {"a": [1, None, "x"]}),
        "Json": ("dynamic", {"b": 1.5}),
        "Guid": ("string", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
        "NoTime": ("datetime", None),
        "NoSpan": ("timespan", None),
        "NoLong": ("long", None),
        "NoBool": ("bool", None),
    }


async def test_lists_hold_what_json_can_hold(room: MakeRoom) -> None:
    kql = """
    AADProvisioningLogs
    | extend Gap = TimeGenerated - datetime(2026-11-18), Source = parse_json(SourceIdentity)
    | summarize Times = make_list(TimeGenerated), Gaps = make_list(Gap), Many = sum(DurationMs),
        Mean = avg(DurationMs), Names = make_list(tostring(Source.Name))
    """
    result = await room([Event(NOW), Event(NOW)]).kql(kql)
    assert [column.type for column in result.columns] == [
        "dynamic", "dynamic", "long", "real", "dynamic",
    ]  # fmt: skip
    assert result.rows == [
        (
            ["2026-11-18T12:00:00.0000000Z"] * 2,
            ["12:00:00"] * 2,
            201,
            100.5,
            ["Éva Fern"] * 2,
        )
    ]


async def test_result_is_cut_where_it_grows_too_long(room: MakeRoom) -> None:
    asked = room([Event(NOW) for _ in range(11)], max_rows=10)
    cut = await asked.kql("AADProvisioningLogs | project Id")
    assert len(cut.rows) == 10
    assert cut.partial == "the result was cut at 10 rows"
    whole = await asked.kql("AADProvisioningLogs | take 10 | project Id")
    assert len(whole.rows) == 10
    assert whole.partial is None


async def test_question_of_an_empty_table_has_columns_and_no_rows(room: MakeRoom) -> None:
    result = await room([]).kql("AADProvisioningLogs | summarize count() by JobId")
    assert [(column.name, column.type) for column in result.columns] == [
        ("JobId", "string"),
        ("count_", "long"),
    ]
    assert result.rows == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "x"}', "x"),
        ('{"a": {"b": 1}}', '{"b":1}'),
        ('{"A": "x"}', ""),
        ('{"a": ', ""),
        ('{"a": "x"} and more', ""),
        ("it's no JSON", ""),
        ("[1", ""),
        ("", ""),
    ],
)
async def test_text_that_is_no_json_has_no_values(room: MakeRoom, text: str, value: str) -> None:
    asked = room([Event(NOW, reason=text)])
    kql = "AADProvisioningLogs | project v = tostring(parse_json(ResultDescription).a)"
    assert (await asked.kql(kql)).rows == [(value,)]


async def test_text_that_looks_like_translated_json_comes_back_as_it_is(room: MakeRoom) -> None:
    text = """json_extract(TRY_CAST("Id" AS JSON), '$.a')"""
    asked = room([Event(NOW, reason=text)])
    found = await asked.kql(
        f"AADProvisioningLogs | where ResultDescription == @'{text.replace(chr(39), chr(39) * 2)}'"
        " | project ResultDescription"
    )
    assert found.rows == [(text,)]
