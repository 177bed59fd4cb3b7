"""The one KQL that counts the fleet's events and its newest runs, and its table as columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from service.insights.columns import normalised
from service.insights.cycle import SUM_UP, Cycle, read_cycle
from service.kql.template import Kql, Template, pipe
from service.table import TableSchema
from service.times import BINS
from service.workspace.protocol import Result, TimeSpan

BIN = BINS["5m"].width
"""The narrowest bin that can be asked for; all others are made of it."""

DIMENSIONS = ("JobId", "Action", "Result", "ErrorCode", "Operation", "IdentityType")
NAMES = ("AppId", "AppName", "FromSystem", "ToSystem")
COLUMNS = (
    *("Action", "Result", "ErrorCode", "Operation", "Source"),
    *("ServicePrincipal", "SourceSystem", "TargetSystem"),
)
"""What of `insights.columns` the counts are made of."""

_IN_SPAN = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
""")

# Which bins and runs got rows since the last look, whatever their age: only those are counted
# again.
_CHANGED = Template("""
let News = {news:query};
let Oldest = toscalar(News | summarize min(Start));
union ({counts:query}), ({cycles:query})
""")
_NEWS = Template("""
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
| where ingestion_time() > {since:datetime}
""")
_CHANGES = Template("summarize by Start = bin(TimeGenerated, 5m), JobId, CycleId")
_IN_CHANGED_BINS = Template("""
AADProvisioningLogs
| where TimeGenerated >= Oldest and TimeGenerated < {end:datetime}
| extend Start = bin(TimeGenerated, 5m)
| join kind=leftsemi News on Start
""")
_NOT_TOO_OLD = Template("""
AADProvisioningLogs
| where TimeGenerated >= Oldest - {longest:timespan}
""")
_OF_CHANGED_CYCLES = Template("""
where CycleId != ""
| join kind=leftsemi News on JobId, CycleId
""")
_LONGEST_CYCLE = timedelta(days=30)
"""How long a run is taken to last at most: a first one of a large tenant takes days."""


# Counted by the JSON text of application and systems first: there are few, and taking apart every
# event's would be many times slower.
_COUNT = Template("""
summarize Events = count(), FirstEvent = min(TimeGenerated), LastEvent = max(TimeGenerated)
    by Start = bin(TimeGenerated, 5m), JobId, Action, Result, ErrorCode, Operation, IdentityType,
    ServicePrincipal, SourceSystem, TargetSystem
""")
_SUM_UP = Template("""
summarize Events = sum(Events), FirstEvent = min(FirstEvent), LastEvent = max(LastEvent)
    by Start, JobId, Action, Result, ErrorCode, Operation, IdentityType,
    AppId, AppName, FromSystem, ToSystem
| extend AskedAt = now()
""")
CLOCK = Template("print AskedAt = now()").fill()
"""Asks for the workspace's own time."""

_STEP = 1000

SCHEMA = pa.schema(
    [
        ("Start", pa.timestamp("us")),
        *((name, pa.string()) for name in (*DIMENSIONS, *NAMES)),
        ("Events", pa.int64()),
        ("FirstEvent", pa.timestamp("us")),
        ("LastEvent", pa.timestamp("us")),
    ]
)


def counting_kql(span: TimeSpan, schema: TableSchema) -> Kql:
    """Counts the span's events."""
    return _counts(_IN_SPAN.fill(start=span.start, end=span.end), schema)


def recounting_kql(span: TimeSpan, schema: TableSchema, since: datetime) -> Kql:
    """Counts the events of those of the span's bins, and sums up the runs, that got rows since.

    Rows with a `Start` are counts, the others runs, of which events outside the span count too.
    """
    news = _NEWS.fill(start=span.start, end=span.end, since=since)
    return _CHANGED.fill(
        news=pipe(news, *normalised(schema, ("CycleId",)), _CHANGES.fill()),
        counts=_counts(_IN_CHANGED_BINS.fill(end=span.end), schema),
        cycles=pipe(
            _NOT_TOO_OLD.fill(longest=_LONGEST_CYCLE),
            *normalised(schema, ("CycleId",)),
            _OF_CHANGED_CYCLES.fill(),
            *normalised(schema, ("Action", "Result")),
            SUM_UP.fill(),
        ),
    )


def counted_none() -> pa.Table:
    """No counts at all."""
    return SCHEMA.empty_table()


def asked_at(result: Result) -> datetime | None:
    """When the workspace began to answer, by its own clock; `None` without a row to say so."""
    asked = (record["AskedAt"] for record in result.records())
    return next((at for at in asked if at is not None), None)


def _counts(source: Kql, schema: TableSchema) -> Kql:
    events = normalised(schema, COLUMNS)
    names = normalised(TableSchema(), ("App", "Systems"))
    return pipe(source, *events, _COUNT.fill(), *names, _SUM_UP.fill())


def changed_cycles(result: Result) -> Mapping[str, Cycle]:
    """Of the runs in a recount's result, each job's newest, by job ID."""
    newest: dict[str, Cycle] = {}
    if "CycleId" in (column.name for column in result.columns):
        for record in result.records():
            if record["CycleId"]:
                newest |= newer(newest, {record["JobId"]: read_cycle(record)})
    return newest


def newer(known: Mapping[str, Cycle], found: Mapping[str, Cycle]) -> Mapping[str, Cycle]:
    """Of the runs that were found, those that take the place of the known ones, by job ID."""
    return {
        job: cycle
        for job, cycle in found.items()
        if job not in known
        or cycle.cycle_id == known[job].cycle_id
        or (cycle.ended, cycle.cycle_id) > (known[job].ended, known[job].cycle_id)
    }


def counted(result: Result) -> pa.Table:
    """The counts as columns of `SCHEMA`, times in UTC without saying so."""
    if not result.rows:  # Not even its columns come from a workspace that never got any data.
        return counted_none()
    names = [column.name for column in result.columns]
    places = [names.index(field.name) for field in SCHEMA]
    start = names.index("Start")
    # In steps, and letting go of rows on the way: one call over all would hold the interpreter
    # lock, and with it the event loop.
    batches = [
        _batch([[row[place] for row in rows] for place in places])
        for first in range(0, len(result.rows), _STEP)
        if (rows := [row for row in result.rows[first : first + _STEP] if row[start] is not None])
    ]
    result.release()
    return pa.Table.from_batches(batches, SCHEMA)


def _batch(columns: list[list[Any]]) -> pa.RecordBatch:
    arrays = [
        pa.array(values, pa.timestamp("us", "UTC")).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(values, field.type)
        for values, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
