"""Python values as KQL literals, and KQL string literals as values.

The escapes are those of the language service's own tokenizer. Printable text stays as it is;
whatever could hide or break a line when a query is shown is written as `\\uXXXX`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, cast, get_args

LiteralKind = Literal[
    "string", "strings", "datetime", "timespan", "long", "longs", "real", "bool", "dynamic"
]

LITERAL_KINDS: frozenset[str] = frozenset(get_args(LiteralKind))

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Controls, line separators, and the marks that reorder or hide text on a screen.
_ESCAPED = re.compile(
    '["\\\\\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]'
)
_SURROGATE = re.compile("[\ud800-\udfff]")

_TIMESPAN_LIMIT = timedelta(days=10_675_199)
_TIMESPAN_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def literal(value: object, kind: LiteralKind) -> str:
    """A value as the KQL literal of a kind, which is read back as that very value.

    - `string`: `str`; `bool`: `bool`; `long`: `int` of 64 bits; `real`: `float`, NaN and
      infinities too, or `int`.
    - `datetime`: a `datetime` with its zone; `timespan`: a `timedelta` of at most 10,675,199 days.
    - `strings`, `longs`: a list, tuple or set, as the operand of `in` or `has_any`, brackets
      included; an empty one matches nothing. Sets are sorted, so that equal ones give equal text.
    - `dynamic`: what JSON can hold: `None`, `bool`, `int`, finite `float`, `str`, lists and
      dictionaries.

    Raises `TypeError` for a value of another type, also for a `bool` where a number is asked, and
    `ValueError` for one that the kind cannot hold.
    """
    return _WRITERS[kind](value)


def string_value(text: str) -> str:
    """The value of a string literal in any of KQL's forms, as the tokenizer gives it.

    Raises `ValueError` where escapes make half of a surrogate pair.
    """
    body = text.lstrip("hH")
    if body.startswith(("```", "~~~")):
        return body[3:-3]
    if body.startswith("@"):
        return body[2:-1].replace(body[1] * 2, body[1])
    value = _READ_ESCAPE.sub(_read_escape, body[1:-1])
    if _SURROGATE.search(value):
        # Escaped in two halves, a pair is one character; half a pair is none, and is refused.
        value = value.encode("utf-16", "surrogatepass").decode("utf-16")
    return value


_READ_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{1,3})|(.))")
_NAMED_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _read_escape(match: re.Match[str]) -> str:
    four, two, octal, character = match.groups()
    if digits := four or two:
        return chr(int(digits, 16))
    if octal:
        return chr(int(octal, 8))
    return _NAMED_ESCAPES.get(character, character)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type("a string", value)
    # A subclass, such as an enumeration, may print as something else than its value.
    text = str.__str__(value)
    if _SURROGATE.search(text):
        raise ValueError("expected text, not half of a surrogate pair")
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _datetime(value: object) -> str:
    if not isinstance(value, datetime):
        raise _wrong_type("a datetime", value)
    if value.utcoffset() is None:
        raise ValueError("expected a datetime with its zone")
    try:
        instant = value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError("expected a datetime between the years 1 and 9999 in UTC") from None
    return f"datetime({instant.isoformat()}Z)"


def _timespan(value: object) -> str:
    if not isinstance(value, timedelta):
        raise _wrong_type("a timedelta", value)
    if abs(value) > _TIMESPAN_LIMIT:
        raise ValueError(f"expected a timedelta of at most {_TIMESPAN_LIMIT.days:,} days")
    if value > timedelta(0):
        for unit, length in _TIMESPAN_UNITS.items():
            if not value % length:
                return f"{value // length}{unit}"
    sign = "-" if value < timedelta(0) else ""
    size = abs(value)
    minutes, seconds = divmod(size.seconds, 60)
    clock = f"{size.days}.{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    fraction = f".{size.microseconds:06}" if size.microseconds else ""
    return f"timespan({sign}{clock}{fraction})"


def _long(value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type("an int", value)
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("expected an int of 64 bits")
    # A literal of its own, because the most negative long is not the negation of a long.
    return str(number) if number >= 0 else f"long({number})"


def _real(value: object) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong_type("a float", value)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("expected a number that a float can hold") from None
    if math.isinf(number):
        return "real(+inf)" if number > 0 else "real(-inf)"
    return f"real({number!r})"


def _bool(value: object) -> str:
    if not isinstance(value, bool):
        raise _wrong_type("a bool", value)
    return "true" if value else "false"


def _list_of(writer: Callable[[object], str]) -> Callable[[object], str]:
    def write(value: object) -> str:
        if not isinstance(value, list | tuple | set | frozenset):
            raise _wrong_type("a list, tuple or set", value)
        items = [writer(item) for item in value]
        if isinstance(value, set | frozenset):
            items.sort()
        # `()` is no operand in KQL, whereas nothing is in an empty array.
        return f"({', '.join(items)})" if items else "(dynamic([]))"

    return write


def _dynamic(value: object) -> str:
    return f"dynamic({_json(value)})"


def _json(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return _bool(value)
        case str():
            return _string(value)
        case int():
            _long(value)
            return str(int(value))
        case float():
            if not math.isfinite(value):
                raise ValueError("expected finite numbers in a dynamic value")
            return repr(float(value))
        case list() | tuple():
            return f"[{', '.join(_json(item) for item in value)}]"
        case dict():
            members = cast(dict[object, object], value).items()
            return f"{{{', '.join(f'{_string(key)}: {_json(item)}' for key, item in members)}}}"
        case _:
            raise _wrong_type("a value that JSON can hold", value)


def _wrong_type(expected: str, value: object) -> TypeError:
    return TypeError(f"expected {expected}, not {type(value).__name__}")


_WRITERS: Mapping[str, Callable[[object], str]] = {
    "string": _string,
    "strings": _list_of(_string),
    "datetime": _datetime,
    "timespan": _timespan,
    "long": _long,
    "longs": _list_of(_long),
    "real": _real,
    "bool": _bool,
    "dynamic": _dynamic,
}
