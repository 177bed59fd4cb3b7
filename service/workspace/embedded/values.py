"""DuckDB's values as KQL's: what the engine's own types leave out of a result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from service.table import KqlType
from service.workspace.protocol import Column

Values = tuple[Any, ...]
Reader = Callable[[Any], Any]

_TYPES: dict[str, KqlType] = {
    "BIGINT": "long",
    "BOOLEAN": "bool",
    "DOUBLE": "real",
    "FLOAT": "real",
    "HUGEINT": "long",
    "INTEGER": "int",
    "INTERVAL": "timespan",
    "JSON": "dynamic",
    "TIMESTAMP": "datetime",
    "UUID": "string",
    "VARCHAR": "string",
}


Description = Sequence[Sequence[Any]]
"""A DuckDB cursor's: name and type of each column."""


def columns_of(description: Description) -> tuple[Column, ...]:
    """The columns of a cursor's result, with KQL types."""
    return tuple(Column(name, _type(str(kind))) for name, kind, *_ in description)


def typed(description: Description, rows: list[Values]) -> list[Values]:
    """Datetimes in UTC, dynamic values as JSON has them, no NaN."""
    readers = [
        (index, reader)
        for index, (_, kind, *_) in enumerate(description)
        if (reader := _reader(str(kind)))
    ]
    return [_read(row, readers) for row in rows] if readers else rows


def _type(kind: str) -> KqlType:
    if kind.startswith("DECIMAL"):
        return "real"
    return _TYPES.get(kind, "dynamic" if "[" in kind or "(" in kind else "string")


def _reader(kind: str) -> Reader | None:
    return str if kind == "UUID" else _READERS.get(_type(kind))


def _read(row: Values, readers: Sequence[tuple[int, Reader]]) -> Values:
    values = list(row)
    for index, reader in readers:
        if values[index] is not None:
            values[index] = reader(values[index])
    return tuple(values)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _real(value: float | Decimal) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number


def _dynamic(value: Any) -> Any:
    """JSON text is parsed; DuckDB's lists and structures become what JSON can hold."""
    return orjson.loads(value) if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S.%f}0Z"
        case timedelta():
            return _timespan(value)
        case float() | Decimal():
            return _real(value)
        case UUID():
            return str(value)
        case _:
            return value


def _timespan(value: timedelta) -> str:
    """As Kusto writes it: `1.02:03:04.5000000`."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    days = f"{value.days}." if value.days else ""
    fraction = f".{value.microseconds:06}0" if value.microseconds else ""
    return f"{sign}{days}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"


_READERS: dict[KqlType, Reader] = {"datetime": _utc, "dynamic": _dynamic, "real": _real}
