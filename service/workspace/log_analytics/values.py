"""The query API's values as the embedded workspace gives them.

Dynamic, decimal and timespan values arrive as text, reals that JSON can't write as `"NaN"`,
`"Infinity"` and `"-Infinity"`, and datetimes with up to seven digits of a second.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from service.table import KqlType

Reader = Callable[[Any], Any]

# [-][d.]hh:mm:ss[.fffffff]: .NET's constant ("c") format, which Kusto writes timespans in.
_TIMESPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?", re.ASCII)


def timespan_of(text: str) -> timedelta:
    """From `1.02:03:04.5000000`; the seventh digit of a second is cut."""
    match = _TIMESPAN.fullmatch(text)
    if match is None:
        raise ValueError("not a timespan")
    sign, days, hours, minutes, seconds, fraction = match.groups()
    span = timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or "").ljust(6, "0")[:6]),
    )
    return -span if sign else span


def real_of(value: float | str) -> float | None:
    """A float, also of a decimal; not a number is null, as in the embedded workspace."""
    number = float(value)
    return None if math.isnan(number) else number


def dynamic_of(value: Any) -> Any:
    """What the JSON text holds; text that is no JSON is itself the value."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value) if value else None
    except orjson.JSONDecodeError:
        return value


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "bool": bool,
        # All are in UTC and say so. Of seven digits of a second the last is cut: Python knows
        # microseconds only.
        "datetime": datetime.fromisoformat,
        "decimal": real_of,
        "dynamic": dynamic_of,
        "real": real_of,
        "timespan": timespan_of,
    }
)
"""By the API's name of a type, how its values are read; others are what JSON says."""

KQL_TYPES: Mapping[str, KqlType] = MappingProxyType(
    {
        "bool": "bool",
        "datetime": "datetime",
        "decimal": "real",
        "dynamic": "dynamic",
        "guid": "string",
        "int": "int",
        "long": "long",
        "real": "real",
        "string": "string",
        "timespan": "timespan",
    }
)
