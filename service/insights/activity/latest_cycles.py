"""Each job's newest run: what it did, however long ago."""

from __future__ import annotations

from collections.abc import Mapping

from service.insights.columns import normalised
from service.insights.cycle import SUM_UP, Cycle, read_cycle
from service.kql.template import Kql, Template, pipe
from service.table import TableSchema
from service.workspace.protocol import Result, TimeSpan

# A time as text is 28 characters long, so that the greatest one carries its cycle's ID.
_NEWEST = Template("""
let Newest = AADProvisioningLogs
    | where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
    | where CycleId != ""
    | summarize Newest = max(strcat(tostring(TimeGenerated), " ", CycleId)) by JobId
    | project JobId, CycleId = substring(Newest, 29);
AADProvisioningLogs
| where TimeGenerated >= {start:datetime} and TimeGenerated < {end:datetime}
| join kind=leftsemi Newest on JobId, CycleId
""")


def latest_cycles_kql(span: TimeSpan, schema: TableSchema) -> Kql:
    """Sums up the newest cycle of each job that ran in the span."""
    newest = _NEWEST.fill(start=span.start, end=span.end)
    return pipe(newest, *normalised(schema, ("Action", "Result", "CycleId")), SUM_UP.fill())


def read_latest_cycles(result: Result) -> Mapping[str, Cycle]:
    """The cycles by job ID."""
    return {record["JobId"]: read_cycle(record) for record in result.records()}
