"""A table as the query API writes it.

As recorded: datetimes with up to seven digits after the second and no zeros at their end; dynamic,
decimal and timespan values as strings, a dynamic string as it is, without quotes; NaN and infinity
as strings; the table of `getschema` under its own name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from service.workspace.protocol import Result

_STEP = 1000
"""Rows encoded at a time: a longer step would hold the interpreter lock for too long."""

_JSON = orjson.OPT_PASSTHROUGH_DATETIME


@dataclass(frozen=True)
class Table:
    """Columns as pairs of name and KQL type, and rows of Python values.

    A value that is already text goes out as it is, whatever its column's type.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    name: str = "PrimaryResult"

    @classmethod
    def of(cls, result: Result, name: str = "PrimaryResult") -> Table:
        return cls([(column.name, column.type) for column in result.columns], result.rows, name)


def encoded(table: Table, **parts: Any) -> bytes:
    """The body of an answer: the table, and `error`, `render` or `statistics` where given."""
    head = orjson.dumps(
        {
            "name": table.name,
            "columns": [{"name": name, "type": kind} for name, kind in table.columns],
        }
    )
    rest = b"".join(
        b',"%b":%b' % (name.encode(), orjson.dumps(part)) for name, part in parts.items() if part
    )
    rows = b",".join(_rows(table))
    return b'{"tables":[%b,"rows":[%b]}]%b}' % (head[:-1], rows, rest)


def datetime_text(value: datetime) -> str:
    """`2015-12-31T23:59:59.9Z`."""
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if value.microsecond else text) + "Z"


def timespan_text(value: timedelta) -> str:
    """`1.02:03:04.5000000`, with all seven digits or none."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    days = f"{value.days}." if value.days else ""
    fraction = f".{value.microseconds:06}0" if value.microseconds else ""
    return f"{sign}{days}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"


def _rows(table: Table) -> Iterable[bytes]:
    writers = [
        (index, writer)
        for index, (_, kind) in enumerate(table.columns)
        if (writer := _WRITERS.get(kind))
    ]
    for first in range(0, len(table.rows), _STEP):
        rows = table.rows[first : first + _STEP]
        written = [_written(row, writers) for row in rows] if writers else list(rows)
        yield orjson.dumps(written, option=_JSON)[1:-1]


def _written(row: Sequence[Any], writers: Sequence[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for index, writer in writers:
        value = values[index]
        if value is not None and not isinstance(value, str):
            values[index] = writer(value)
    return values


def _real(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _dynamic(value: Any) -> str:
    return orjson.dumps(value).decode()


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime_text,
    "decimal": str,
    "dynamic": _dynamic,
    "guid": str,
    "real": _real,
    "timespan": timespan_text,
}
