"""The one KQL that counts the fleet's events, and its table as columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from service.insights.columns import normalised
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

# Which bins got rows since the last look, whatever their age: only those are counted again.
_IN_CHANGED_BINS = Template("""
let Changed = AADProvisioningLogs
    | where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
    | where ingestion_time() > {since:datetime}
    | summarize by Start = bin(TimeGenerated, 5m);
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
| extend Start = bin(TimeGenerated, 5m)
| join kind=leftsemi Changed on Start
""")

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


def counting_kql(span: TimeSpan, schema: TableSchema, since: datetime | None = None) -> Kql:
    """Counts the span's events, or only those of bins that got rows since an instant."""
    if since is None:
        source = _IN_SPAN.fill(start=span.start, end=span.end)
    else:
        source = _IN_CHANGED_BINS.fill(start=span.start, end=span.end, since=since)
    events = normalised(schema, COLUMNS)
    names = normalised(TableSchema(), ("App", "Systems"))
    return pipe(source, *events, _COUNT.fill(), *names, _SUM_UP.fill())


def counted_none() -> pa.Table:
    """No counts at all."""
    return SCHEMA.empty_table()


def asked_at(result: Result) -> datetime | None:
    """When the workspace began to answer, by its own clock; `None` without a row to say so."""
    return next((record["AskedAt"] for record in result.records()), None)


def counted(result: Result) -> pa.Table:
    """The counts as columns of `SCHEMA`, times in UTC without saying so."""
    names = [column.name for column in result.columns]
    places = [names.index(field.name) for field in SCHEMA]
    # In steps, and letting go of rows on the way: one call over all would hold the interpreter
    # lock, and with it the event loop.
    batches = [
        _batch([[row[place] for row in rows] for place in places])
        for first in range(0, len(result.rows), _STEP)
        if (rows := result.rows[first : first + _STEP])
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
