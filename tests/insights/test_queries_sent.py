"""Every query that the service can send: Microsoft's analyser and the engine agree on it."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from service.insights.activity.counting import (
    CLOCK,
    DIMENSIONS,
    NAMES,
    asked_at,
    counted,
    counting_kql,
    recounting_kql,
)
from service.insights.activity.latest_cycles import latest_cycles_kql, read_latest_cycles
from service.insights.asking import sliced
from service.insights.catalogue import INSIGHTS
from service.insights.directory import App, Directory, Job
from service.insights.events import EventOptions, Place
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, FromActivity, Insight, NoOptions, Query
from service.insights.question import Filters, Question
from service.insights.series import SeriesTable
from service.insights.silence import Rhythms
from service.kql.template import Kql
from service.table import COLUMNS, TABLE, TableSchema
from service.times import BINS, Window
from service.workspace.protocol import Result, TimeSpan
from tests.analyser import Analyser
from tests.stores import EVER, NOW, PATIENT, Event, MakeRoom, Room, Step, question

Chosen = dict[str, frozenset[str]]

ALL = frozenset(COLUMNS)
SCHEMAS = {
    "both actions": ALL,
    "Action": ALL - {"ProvisioningAction"},
    "ProvisioningAction": ALL - {"Action"},
    "dropped columns": ALL
    - {"ProvisioningSteps", "ProvisioningStatusInfo", "ModifiedProperties", "SourceIdentity"},
    "hardly any": frozenset({"TimeGenerated", "Id", "JobId", "CycleId", "ChangeId", "ResultType"}),
}
FILTERS = {
    "actions": frozenset({"update"}),
    "results": frozenset({"failure", "skipped"}),
    "error_codes": frozenset({"timeout", 'a "quoted" code'}),
    "identity_types": frozenset({"group"}),
    "operations": frozenset({"referenceresolution"}),
    "jobs": frozenset({"job-a"}),
    "apps": frozenset({"garden"}),
}
JOB = Job("job-a", App("app-a", "Garden"), "", "", NOW, NOW)
EVENT_OPTIONS = [
    EventOptions(),
    EventOptions(q="éva"),
    EventOptions(source_id="user-1"),
    EventOptions(event_id="event-0000"),
    EventOptions("é", "user-1", "event-0001", 7, Place(NOW, "event-0000", 2)),
]
UNRESOLVED = Step(
    "ReferenceResolution",
    "We were unable to assign member-1 as the members of Oak. It is not in scope.",
    {"ErrorCode": "UnableToResolveReferenceAttributeValue", "SkipReason": "NotEffectivelyEntitled"},
)
EVENTS = [
    Event(
        NOW,
        result=result,
        code="Timeout",
        source_type="Group",
        steps=(UNRESOLVED,),
    )
    for result in ("Failure", "Skipped")
]


def options_of(kind: Any) -> Iterator[Any]:
    """The options in every combination of their named choices."""
    choices = {
        name: [value for hint in (hints, *get_args(hints)) if get_origin(hint) is Literal
               for value in get_args(hint)]
        for name, hints in get_type_hints(kind).items()
    }  # fmt: skip
    named = {name: values for name, values in choices.items() if values}
    for values in itertools.product(*named.values()):
        yield dataclasses.replace(kind(), **dict(zip(named, values, strict=True)))


def options_of_insight(insight: Insight[Any, Any]) -> list[Any]:
    if insight.options is EventOptions:
        return EVENT_OPTIONS
    return list(options_of(insight.options))


def asked(filters: Chosen) -> Question:
    return dataclasses.replace(question(days=30, bin_name="1d"), filters=Filters(**filters))


def sources(
    asked: Question, schema: TableSchema
) -> Iterator[tuple[str, Insight[Any, Any], Query | FromActivity]]:
    """Where answers come from, with a name that says where each is used."""
    for name, insight in INSIGHTS.items():
        for options in options_of_insight(insight):
            for index, source in enumerate(insight.queries(asked, options, schema)):
                yield f"{name} {options} {index}", insight, source


def own_queries(schema: TableSchema) -> dict[str, Query]:
    """What activity asks for."""
    return {
        "counts": Query(counting_kql(EVER, schema), EVER, counted),
        "changed counts": Query(recounting_kql(EVER, schema, EVER.start), EVER, counted),
        "clock": Query(CLOCK, EVER, asked_at),
        "latest cycles": Query(latest_cycles_kql(EVER, schema), EVER, read_latest_cycles),
    }


def queries(schema: TableSchema, filters: Chosen) -> dict[str, Query | FromActivity]:
    """Everything that is asked or shown, by name; the same text once."""
    found = {source.kql.text: (name, source) for name, _, source in sources(asked(filters), schema)}
    return dict(found.values()) | own_queries(schema)


def whole_number(kind: str) -> str:
    """Integers of both widths are the same to whoever reads them."""
    return "long" if kind == "int" else kind


class Read(dict[str, Any]):
    """A row that notes which of its columns are read."""

    read: set[str]

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def note_reading(patch: pytest.MonkeyPatch, noted: set[str]) -> None:
    """From now on, `noted` gets the name of every column that is read from a row."""

    def noting(records: Callable[..., Iterable[dict[str, Any]]]) -> Callable[..., Any]:
        def noted_records(*arguments: Any) -> list[dict[str, Any]]:
            rows = [Read(record) for record in records(*arguments)]
            for row in rows:
                row.read = noted
            return list(rows)

        return noted_records

    patch.setattr(Result, "records", noting(Result.records))
    patch.setattr(FleetTable, "records", noting(FleetTable.records))


@pytest.mark.parametrize("columns", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("filters", [{}, FILTERS], ids=["unfiltered", "filtered"])
async def test_analyser_and_engine_agree_on_columns_and_types(
    room: MakeRoom,
    analyser: Analyser,
    columns: frozenset[str],
    filters: Chosen,
) -> None:
    schema = TableSchema(columns)
    workspace = room(EVENTS, columns=columns).workspace
    tables = {TABLE: {name: kind for name, kind in COLUMNS.items() if name in columns}}
    for name, query in queries(schema, filters).items():
        analysis = analyser.check(query.kql.text, tables)
        assert not analysis.diagnostics, name
        result = await workspace.query(query.kql, query.span, deadline=PATIENT)
        types = {column.name: whole_number(column.type) for column in result.columns}
        expected = {name: whole_number(kind) for name, kind in analysis.columns.items()}
        assert types == expected, name


@pytest.mark.parametrize("one", FILTERS)
def test_each_filter_alone_is_sound(analyser: Analyser, one: str) -> None:
    for name, query in queries(TableSchema(), {one: FILTERS[one]}).items():
        assert not analyser.check(query.kql.text).diagnostics, name


@pytest.mark.parametrize("filters", [{}, FILTERS], ids=["unfiltered", "filtered"])
async def test_all_columns_that_come_are_read_and_no_others(
    room: MakeRoom, filters: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = room(EVENTS).workspace
    context = Context(asked(filters), Directory({JOB.job_id: JOB}))
    own = [(name, None, query) for name, query in own_queries(TableSchema()).items()]
    for name, insight, query in [*sources(context.question, TableSchema()), *own]:
        if isinstance(query, FromActivity) or query.read is counted:
            continue
        result = await workspace.query(query.kql, query.span, deadline=PATIENT)
        assert result.rows, name
        noted: set[str] = set()
        with monkeypatch.context() as patch:
            note_reading(patch, noted)
            found = query.read(result)
            if insight and isinstance(found, FleetTable):
                assert list(insight.answer(context, insight.options(), found)), name
        assert noted == {column.name for column in result.columns}, name


def test_columns_are_the_same_whatever_the_workspace_lacks(analyser: Analyser) -> None:
    whole = {
        name: analyser.check(query.kql.text).columns
        for name, query in queries(TableSchema(), {}).items()
    }
    for columns in SCHEMAS.values():
        tables = {TABLE: {name: kind for name, kind in COLUMNS.items() if name in columns}}
        for name, query in queries(TableSchema(columns), {}).items():
            assert analyser.check(query.kql.text, tables).columns == whole[name], name


def test_activity_is_counted_in_the_columns_it_keeps(analyser: Analyser) -> None:
    counts = {
        "Start": "datetime",
        **dict.fromkeys((*DIMENSIONS, *NAMES), "string"),
        "Events": "long",
        "FirstEvent": "datetime",
        "LastEvent": "datetime",
        "AskedAt": "datetime",
    }
    of_cycles = analyser.check(latest_cycles_kql(EVER, TableSchema()).text).columns
    for kql, expected in (
        (counting_kql(EVER, TableSchema()), counts),
        (recounting_kql(EVER, TableSchema(), NOW), counts | dict(of_cycles)),
    ):
        found = analyser.check(kql.text).columns
        assert {name: whole_number(kind) for name, kind in found.items()} == {
            name: whole_number(kind) for name, kind in expected.items()
        }


@pytest.mark.parametrize("bin_name", BINS)
def test_queries_of_every_bin_are_sound(analyser: Analyser, bin_name: str) -> None:
    window = question(days=30, bin_name=bin_name)
    for name, _, source in sources(window, TableSchema()):
        assert not analyser.check(source.kql.text).diagnostics, name


DAYS = {"5m": 2, "15m": 5, "1h": 20, "6h": 60, "1d": 100}
"""How long the windows of each bin are that are compared."""

VARIED: dict[str, list[Any]] = {
    "job": ["job-a", "Job-B"],
    "app": ["Garden", "Orchard"],
    "action": ["Create", "Update", "Disable", "StagedDelete", "Frobnicate"],
    "result": ["Success", "Failure", "Skipped", "Warning"],
    "envelope_result": [None, "Success", "Failure"],
    "code": ["", "Timeout", "timeout", "ÜBERLAUF", "überlauf", 'it\'s "quoted" \\'],
    "source_type": ["User", "user", "Group", ""],
    "steps": [(), (Step("Import"),), (Step("Import"), Step("export")), (Step("EXPORT"),)],
    "cycle": ["", "run-1", "run-2"],
}
DIFFERENT: dict[str, Chosen] = {
    "none": {},
    "actions": {"actions": frozenset({"create", "other"})},
    "results": {"results": frozenset({"failure", "warning"})},
    "error_codes": {"error_codes": frozenset({"timeout", "überlauf", 'it\'s "quoted" \\'})},
    "no code": {"error_codes": frozenset({""})},
    "identity_types": {"identity_types": frozenset({"user"})},
    "operations": {"operations": frozenset({"export", ""})},
    "all": {
        "actions": frozenset({"create", "update", "disable"}),
        "results": frozenset({"success", "failure"}),
        "error_codes": frozenset({"timeout", ""}),
        "identity_types": frozenset({"user"}),
        "operations": frozenset({"export", "import"}),
    },
    "nothing": {"error_codes": frozenset({"never"})},
}


def varied(number: int = 1500) -> list[Event]:
    """Events of all kinds, more the nearer to now, and some at the very edges of bins."""
    chance = random.Random(7)
    events = []
    for index in range(number):
        at = NOW + timedelta(hours=1) - timedelta(days=110) * chance.random() ** 4
        if index % 5 == 0:
            at = BINS["15m"].floor(at) - timedelta(microseconds=index % 2)
        chosen = {name: chance.choice(values) for name, values in VARIED.items()}
        events.append(Event(at, **chosen))
    return events


def cut_of(source: FromActivity, room: Room, asked: Question) -> Counter[tuple[Any, ...]]:
    """What is cut from activity, by names and bin."""
    found = source.cut(room.activity)
    if isinstance(found, SeriesTable):
        return Counter(
            {
                (*key, start): int(events)
                for key, counts in zip(found.keys, found.counts, strict=True)
                for start, events in zip(asked.window.starts(), counts, strict=True)
                if events
            }
        )
    return Counter(
        {
            (job, count.action, count.result, count.error_code): count.events
            for job, counts in found.items()
            for count in counts
        }
    )


async def asked_for(kql: Kql, room: Room, asked: Question) -> Counter[tuple[Any, ...]]:
    """What the workspace itself counts."""
    result = await room.kql(kql.text, TimeSpan(asked.window.start, asked.window.end))
    return Counter(
        {
            tuple(value for name, value in record.items() if name != "Events"): record["Events"]
            for record in result.records()
        }
    )


def counts(asked: Question) -> Iterator[tuple[str, Insight[Any, Any], FromActivity]]:
    """What is cut as counts of the window, the same text once."""
    seen = set()
    for name, insight, source in sources(asked, TableSchema()):
        if insight.name in ("silence", "job") or not isinstance(source, FromActivity):
            continue
        if "HourOfDay" not in source.kql.text and source.kql.text not in seen:
            seen.add(source.kql.text)
            yield name, insight, source


@pytest.fixture
async def full(room: MakeRoom) -> Room:
    made = room(varied())
    await made.load()
    return made


async def agree(room: Room, asked: Question) -> int:
    total = 0
    for name, _, source in counts(asked):
        expected = await asked_for(source.kql, room, asked)
        assert cut_of(source, room, asked) == expected, (name, asked)
        total += expected.total()
    return total


@pytest.mark.parametrize("bin_name", DAYS)
async def test_what_is_cut_is_what_the_shown_query_counts(full: Room, bin_name: str) -> None:
    assert await agree(full, question(days=DAYS[bin_name], bin_name=bin_name))


@pytest.mark.parametrize("name", DIFFERENT)
async def test_filters_cut_what_the_shown_query_counts(full: Room, name: str) -> None:
    filters = Filters(**DIFFERENT[name])
    found = [
        await agree(
            full, dataclasses.replace(question(days=100, bin_name=bin_name), filters=filters)
        )
        for bin_name in ("6h", "1d")
    ]
    assert all(found) is (name != "nothing")


async def test_one_jobs_cut_is_what_the_shown_slice_counts(full: Room) -> None:
    asked = question(days=60, bin_name="1d", job="Job-B")
    for name, insight, source in counts(asked):
        kql = sliced(source.kql, frozenset({"Job-B"}), insight)
        assert cut_of(source, full, asked) == await asked_for(kql, full, asked), name


async def test_weeks_are_the_sums_of_the_days_from_monday_on(full: Room) -> None:
    weeks = question(days=100, bin_name="7d")
    assert weeks.window.start.weekday() == 0
    days = dataclasses.replace(
        weeks, window=Window(weeks.window.start, weeks.window.end, BINS["1d"])
    )
    for (name, _, by_week), (_, _, by_day) in zip(counts(weeks), counts(days), strict=True):
        expected: Counter[tuple[Any, ...]] = Counter()
        for key, events in (await asked_for(by_day.kql, full, days)).items():
            if isinstance(key[-1], datetime):
                key = (*key[:-1], BINS["7d"].floor(key[-1]))
            expected[key] += events
        assert cut_of(by_week, full, weeks) == expected, name


async def test_busy_hours_are_what_the_shown_query_counts(full: Room) -> None:
    (source,) = INSIGHTS["silence"].queries(question(), NoOptions(), TableSchema())
    assert isinstance(source, FromActivity)
    rhythms: Rhythms = source.cut(full.activity)
    result = await full.kql(source.kql.text, source.span)
    expected = {}
    for record in result.records():
        # Kusto's week begins on Sunday, ours on Monday.
        slot = (record["Day"].days - 1) % 7 * 24 + record["HourOfDay"]
        expected[record["JobId"], slot] = record["Weeks"]
    assert {
        (job, slot): weeks
        for job, active in rhythms.active.items()
        for slot, weeks in enumerate(active.tolist())
        if weeks
    } == expected


async def test_newest_cycles_are_what_the_shown_query_finds(full: Room) -> None:
    asked = question(days=200, bin_name="1d")
    source = INSIGHTS["job"].queries(asked, NoOptions(), TableSchema())[-1]
    assert isinstance(source, FromActivity)
    found = source.cut(full.activity)
    assert found == read_latest_cycles(await full.kql(source.kql.text, source.span))
    newest = {}
    for event in sorted(varied(), key=lambda event: event.at):
        if event.cycle:
            newest[event.job] = event.cycle
    assert {job: cycle.cycle_id for job, cycle in found.items()} == newest
    for job, cycle in found.items():
        mine = [event for event in varied() if (event.job, event.cycle) == (job, cycle.cycle_id)]
        assert cycle.events == len(mine)
        assert (cycle.started, cycle.ended) == (
            min(event.at for event in mine),
            max(event.at for event in mine),
        )
