"""The types of columns and parameters: what they are in Python, and how values are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from service.kql.literals import LiteralKind, literal
from service.table import KqlType
from service.times import format_duration, format_instant, parse_duration, parse_instant

ColumnType = Literal["string", "long", "real", "bool", "datetime", "timespan", "dynamic"]
ParameterType = Literal[
    "string", "strings", "regex", "long", "real", "bool", "datetime", "timespan"
]

MAX_TEXT = 512
MAX_TEXTS = 200

PYTHON_TYPES: Mapping[str, Any] = {
    "string": str,
    "strings": list[str],
    "regex": str,
    "long": int,
    "real": float,
    "bool": bool,
    "datetime": datetime,
    "timespan": timedelta,
    "dynamic": Any,
}

JSON_SCHEMAS: Mapping[ParameterType, dict[str, Any]] = {
    "string": {"type": "string", "maxLength": MAX_TEXT},
    "strings": {
        "type": "array",
        "items": {"type": "string", "maxLength": MAX_TEXT},
        "maxItems": MAX_TEXTS,
    },
    "regex": {"type": "string", "maxLength": MAX_TEXT},
    "long": {"type": "integer"},
    "real": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "timespan": {"type": "string", "examples": ["30m", "24h", "7d", "PT1H"]},
}

_WHOLE = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)


def column_type(found: KqlType) -> ColumnType:
    """The type to declare for a column that a query gives."""
    return "long" if found == "int" else found


def literal_kind(kind: ParameterType) -> LiteralKind:
    """What a parameter's value is in a query."""
    return "string" if kind == "regex" else kind


def value_of(given: object, kind: ParameterType) -> Any:
    """A value from YAML, JSON or the text of an address; `ValueError` says what is expected.

    Texts are read as what they stand for: `"5"`, `"true"`, `"7d"`, `"2026-11-21T13:00:00Z"`.
    """
    value = _READERS[kind](given)
    try:
        literal(value, literal_kind(kind))
    except (TypeError, ValueError) as error:
        raise ValueError(str(error)) from None
    return value


def shown(value: object) -> str:
    """A value as a person writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case timedelta():
            return format_duration(value)
        case datetime():
            return format_instant(value)
        case _:
            return str(value)


def _string(given: object) -> str:
    if not isinstance(given, str) or len(given) > MAX_TEXT:
        raise ValueError(f"expected text of at most {MAX_TEXT} characters")
    return given


def _strings(given: object) -> list[str]:
    if not isinstance(given, list | tuple) or len(given) > MAX_TEXTS:
        raise ValueError(f"expected a list of at most {MAX_TEXTS} texts")
    return [_string(item) for item in given]


def _regex(given: object) -> str:
    pattern = _string(given)
    try:
        pc.match_substring_regex(pa.array([""]), pattern)  # RE2, as in both workspaces
    except pa.ArrowInvalid as error:
        why = str(error).partition(": ")[2]
        raise ValueError(f"expected a regular expression (RE2); {why}") from None
    return pattern


def _long(given: object) -> int:
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        return int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        raise ValueError("expected a whole number")
    return given


def _real(given: object) -> float:
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        given = float(given)
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise ValueError("expected a number")
    try:
        number = float(given)
    except OverflowError:
        raise ValueError("expected a number that is less extreme") from None
    if not math.isfinite(number):
        raise ValueError("expected a number that is less extreme")
    return number


def _bool(given: object) -> bool:
    if isinstance(given, bool):
        return given
    if given not in ("true", "false"):
        raise ValueError("expected true or false")
    return given == "true"


def _datetime(given: object) -> datetime:
    if isinstance(given, datetime):
        return given
    if not isinstance(given, str):
        raise ValueError("expected an RFC 3339 time with its zone, such as 2026-11-21T13:00:00Z")
    return parse_instant(given)


def _timespan(given: object) -> timedelta:
    if isinstance(given, timedelta):
        return given
    if not isinstance(given, str):
        raise ValueError("expected a duration such as 24h, 7d, 30m or PT1H")
    try:
        return parse_duration(given)
    except OverflowError:
        raise ValueError("expected a duration that is less extreme") from None


_READERS: Mapping[ParameterType, Callable[[object], Any]] = {
    "string": _string,
    "strings": _strings,
    "regex": _regex,
    "long": _long,
    "real": _real,
    "bool": _bool,
    "datetime": _datetime,
    "timespan": _timespan,
}
