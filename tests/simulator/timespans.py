"""The `timespan` of a request, as ISO 8601 writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from service.workspace.protocol import TimeSpan

EVER = TimeSpan(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))

_DURATION = re.compile(
    r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)


def time_span(text: str | None, now: datetime) -> TimeSpan:
    """From a duration until now, `start/end`, `start/duration` or `duration/end`; `EVER` for none.

    Raises `ValueError` for anything else.
    """
    if not text:
        return EVER
    first, slash, second = text.partition("/")
    if not slash:
        return TimeSpan(now - _duration(first), now)
    if first.startswith("P"):
        end = _instant(second)
        return TimeSpan(end - _duration(first), end)
    start = _instant(first)
    return TimeSpan(start, start + _duration(second) if second[:1] == "P" else _instant(second))


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
