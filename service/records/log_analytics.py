"""Rows of `AADProvisioningLogs` as Log Analytics exports them, as JSON or CSV.

The portal's CSV names a column `TimeGenerated [UTC]` and holds JSON columns as text; the query
API answers with `{"tables": [{"columns": […], "rows": […]}]}`. `TenantId` is the workspace's,
`AADTenantId` the directory's.
"""

from __future__ import annotations

from collections.abc import Iterator

from service.records.problems import RecordError
from service.records.values import Fields, spelled, text_of
from service.table import TABLE

_TIMES = ("timegenerated", "timegeneratedutc")
_LOCAL_TIME = "timegenerated"


def is_row(fields: Fields) -> bool:
    """Whether the record has the column that every row has."""
    return any(key.startswith(_LOCAL_TIME) for key in fields)


def fields_of_event(fields: Fields) -> Fields:
    """The event's fields; rows of other tables and times in a local zone are refused."""
    table = text_of(fields.get("type"), "Type")
    if table and table.lower() != TABLE.lower():
        raise RecordError(f"it is a row of the table {table!r:.60}, not {TABLE}")
    time = next((fields[key] for key in _TIMES if key in fields), None)
    if time is None:
        raise RecordError("its TimeGenerated is not in UTC; export it with the time zone UTC")
    fields["activitydatetime"] = time
    fields["workspaceid"] = fields.get("tenantid")
    fields["tenantid"] = fields.get("aadtenantid")
    return fields


def rows_of_table(table: Fields) -> Iterator[dict[str, object]]:
    """The rows of one table of a query's answer, as objects by column name."""
    columns, rows = table.get("columns"), table.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise RecordError("it is a query's answer without columns or rows")
    names = [
        str(column.get("name", column.get("ColumnName", "")))
        if isinstance(column, dict)
        else str(column)
        for column in columns
    ]
    for row in rows:
        if not isinstance(row, list) or len(row) != len(names):
            raise RecordError("it is a query's answer with a row that does not fit its columns")
        yield dict(zip(names, row, strict=True))


def is_header(names: list[str]) -> bool:
    """Whether a CSV file with these column names holds rows of the table."""
    return any(spelled(name).startswith(_LOCAL_TIME) for name in names)
