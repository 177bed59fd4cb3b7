"""From a decoded JSON value or a CSV line to rows, whichever shape it has.

The shape is told record by record, so one file may mix them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from service.records import diagnostic, graph, log_analytics, portal_csv
from service.records.problems import RecordError, UnknownShapeError
from service.records.row import Row, row_of, row_of_values
from service.records.values import Fields, fields_of

_WRAPPERS = ("records", "value")
_DEEPEST_WRAPPER = 4


def row_of_record(record: Mapping[str, object]) -> Row:
    """The row of one event's record; `RecordError` says why there is none."""
    values = diagnostic.values_of_event(record)
    if values is not None:
        return row_of_values(values)
    fields = fields_of(record)
    if diagnostic.is_diagnostic(fields):
        return row_of(diagnostic.fields_of_event(fields))
    return row_of(_other(fields))


def row_of_cells(header: Sequence[str], cells: Sequence[str]) -> Row:
    """The row of one line of a CSV file; `RecordError` says why there is none."""
    if len(cells) != len(header):
        raise RecordError(f"it has {len(cells)} cells, the header {len(header)}")
    fields = fields_of(dict(zip(header, cells, strict=True)))
    if log_analytics.is_row(fields):
        return row_of(log_analytics.fields_of_event(fields))
    return row_of(portal_csv.fields_of_event(fields))


def rows_of_value(value: object) -> Iterable[Row | RecordError]:
    """The rows of a record, a list of them or a page; errors stand where records are refused."""
    if isinstance(value, dict) and "properties" in value:
        try:
            return (row_of_record(value),)
        except RecordError as error:
            return (error,)
    return _rows(value, _DEEPEST_WRAPPER)


def _rows(value: object, depth: int) -> Iterator[Row | RecordError]:
    try:
        if (records := _wrapped(value)) is not None:
            if depth == 0:
                raise UnknownShapeError("it wraps lists in lists")
            for record in records:
                yield from _rows(record, depth - 1)
        elif isinstance(value, dict):
            yield row_of_record(value)
        else:
            raise UnknownShapeError("it is not an object")
    except RecordError as error:
        yield error


def _wrapped(value: object) -> Iterator[object] | None:
    if isinstance(value, list):
        return iter(value)
    if not isinstance(value, dict):
        return None
    for key in _WRAPPERS:
        held = value.get(key)
        if isinstance(held, list):
            return iter(held)
    tables = value.get("tables", value.get("Tables"))  # the API's answer, and its older form
    if isinstance(tables, list):
        return (row for table in tables for row in _table(table))
    if isinstance(value.get("columns"), list) and isinstance(value.get("rows"), list):
        return _table(value)
    return None


def _table(table: object) -> Iterator[object]:
    if not isinstance(table, dict):
        raise UnknownShapeError("it is a query's answer without tables")
    yield from log_analytics.rows_of_table(fields_of(table))


def _other(fields: Fields) -> Fields:
    if log_analytics.is_row(fields):
        return log_analytics.fields_of_event(fields)
    if portal_csv.is_event(fields):
        return portal_csv.fields_of_event(fields)
    if graph.is_graph(fields):
        return graph.fields_of_event(fields)
    if "category" in fields or "resourceid" in fields:
        raise RecordError("it is a diagnostic record without properties")
    raise UnknownShapeError("it is not a provisioning event in any known form")
