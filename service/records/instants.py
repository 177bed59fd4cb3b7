"""Times and durations in every form that exports of provisioning logs hold.

The .NET and US forms and the varying fractions occur in public fixtures of diagnostic records;
month comes before day in them. A time without a zone is UTC: exports write no other.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone

from service.records.problems import RecordError

_US = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})[,\s]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?(?:\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?",
    re.ASCII,
)
_DOTNET_JSON = re.compile(r"\\?/Date\((-?\d{1,16})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1)
_FIRST_YEAR = 1900
_TIMESPAN = re.compile(r"(-)?(?:(\d{1,7})\.)?(\d{1,4}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?", re.ASCII)
_ISO_DURATION = re.compile(
    r"(-)?P(?:(\d{1,7})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,12})(?:[.,](\d{1,9}))?S)?)?",
    re.ASCII,
)
_LONGEST_MS = 2**63 - 1


def instant_of(value: object) -> datetime | None:
    """The instant in UTC without a zone, cut to microseconds; None where there is none.

    .NET writes a missing time as the year 1, so years before 1900 count as missing.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RecordError(f"its time is {value!r:.40}, not text")
    try:
        instant = _iso(value) or _us(value) or _dotnet_json(value)
    except (ValueError, OverflowError):
        instant = None
    if instant is None:
        raise RecordError(f"its time {value!r:.60} can't be read")
    return instant if instant.year >= _FIRST_YEAR else None


def milliseconds_of(value: object) -> int | None:
    """A duration in whole milliseconds from a number, numeric text, `hh:mm:ss` or ISO 8601."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if abs(value) <= _LONGEST_MS else None
    if isinstance(value, float):
        return _whole(value)
    return _milliseconds_of_text(value.strip()) if isinstance(value, str) else None


def _iso(text: str) -> datetime | None:
    try:
        if text.endswith("Z"):
            # Nearly every time ends so, and to read it as UTC is twice as fast as to convert it.
            instant = datetime.fromisoformat(text[:-1])
            return instant if instant.tzinfo is None else None
        instant = datetime.fromisoformat(text)
    except ValueError:
        stripped = _ZONE_NAME.sub("", text.strip())
        if stripped == text or not stripped[:4].isdigit():
            return None
        instant = datetime.fromisoformat(stripped)
    return _in_utc(instant)


def _us(text: str) -> datetime | None:
    match = _US.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    month, day, year, hour, minute, second, fraction, half, zone = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "Pp" else 0)
    return _in_utc(
        datetime(
            int(year), int(month), int(day), hours, int(minute), int(second or 0),
            _microseconds(fraction), tzinfo=_zone(zone),
        )
    )  # fmt: skip


def _dotnet_json(text: str) -> datetime | None:
    match = _DOTNET_JSON.fullmatch(text.strip())
    return _EPOCH + timedelta(milliseconds=int(match[1])) if match else None


def _in_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant


def _zone(text: str | None) -> timezone:
    if not text or not text.startswith(("+", "-")):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))


def _milliseconds_of_text(text: str) -> int | None:
    if match := _TIMESPAN.fullmatch(text) or _ISO_DURATION.fullmatch(text):
        sign, days, hours, minutes, seconds, fraction = match.groups()
        if not any((days, hours, minutes, seconds)):
            return None
        whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60
        total = (whole + int(seconds or 0)) * 1000 + _microseconds(fraction) // 1000
        return -total if sign else total
    try:
        return _whole(float(text))
    except ValueError:
        return None


def _whole(number: float) -> int | None:
    return int(number) if math.isfinite(number) and abs(number) < _LONGEST_MS else None
