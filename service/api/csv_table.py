"""Rows as CSV (RFC 4180): nested values as dotted columns, a series as one row per point."""

from __future__ import annotations

import csv
import io
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from service.times import format_duration, format_instant

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run such a cell; an apostrophe in front makes it text."""

POINTS = "points"
"""The field that makes a row a series."""


@dataclass(frozen=True)
class _Column:
    name: str
    value: Callable[[Any], Any]


def csv_table(row_type: type, rows: Sequence[Any]) -> str:
    """The rows, all instances of one dataclass, with a header; lines end with CR LF."""
    own, of_point = _columns(row_type)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in (*own, *of_point)])
    for row in rows:
        cells = [_cell(column.value(row)) for column in own]
        if of_point:
            for point in row.points:
                writer.writerow(cells + [_cell(column.value(point)) for column in of_point])
        else:
            writer.writerow(cells)
    return text.getvalue()


@cache
def _columns(row_type: type) -> tuple[tuple[_Column, ...], tuple[_Column, ...]]:
    hints = get_type_hints(row_type)
    if POINTS not in hints:
        return tuple(_flat(row_type)), ()
    (point_type,) = get_args(hints[POINTS])
    own = [column for column in _flat(row_type) if not _is_list(hints[column.name.split(".")[0]])]
    return tuple(own), tuple(_flat(point_type))


def _flat(row_type: type, prefix: str = "", path: tuple[str, ...] = ()) -> Iterator[_Column]:
    hints = get_type_hints(row_type)
    for field in fields(row_type):
        hint = _without_none(hints[field.name])
        name, steps = prefix + field.name, (*path, field.name)
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _flat(hint, f"{name}.", steps)
        else:
            yield _Column(name, _getter(steps))


def _getter(steps: tuple[str, ...]) -> Callable[[Any], Any]:
    def value(row: Any) -> Any:
        for step in steps:
            if row is None:
                return None
            row = getattr(row, step)
        return row

    return value


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = [part for part in get_args(hint) if part is not types.NoneType]
    return hint


def _is_list(hint: Any) -> bool:
    return get_origin(hint) is list


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        case datetime():
            return format_instant(value)
        case timedelta():
            return format_duration(value)
        case int() | float():
            return str(value)
        case _:
            return orjson.dumps(value, default=json_default, option=orjson.OPT_UTC_Z).decode()


def json_default(value: object) -> str:
    """What orjson does not know itself: durations, as ISO 8601."""
    if isinstance(value, timedelta):
        return format_duration(value)
    raise TypeError(f"can't be written as JSON: {type(value).__name__}")
