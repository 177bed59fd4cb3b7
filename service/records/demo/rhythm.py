"""When jobs are busy: a weight for each of the 168 hours of a week, Monday 00:00 UTC first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

Rhythm = Literal["steady", "office", "long day", "nightly", "working hours only"]

TICKS = 10_000_000
"""Ticks in a second; instants are counted in ticks of 100 ns since 1970, as logs write them."""

HOUR = 3600 * TICKS
HOURS_OF_WEEK = 168

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The epoch was a Thursday.
_EPOCH_HOUR = 3 * 24


def _week(day: dict[range, float], night: float, weekend: float) -> tuple[float, ...]:
    hours = [
        next((weight for part, weight in day.items() if hour in part), night) for hour in range(24)
    ]
    return tuple(
        weight * (weekend if weekday >= 5 else 1.0) for weekday in range(7) for weight in hours
    )


WEEKS: dict[Rhythm, tuple[float, ...]] = {
    "steady": _week({}, night=1.0, weekend=1.0),
    "office": _week({range(6, 8): 0.9, range(8, 17): 2.0, range(17, 20): 0.8}, 0.35, 0.35),
    "long day": _week({range(5, 12): 1.4, range(12, 22): 1.7}, night=0.6, weekend=0.6),
    "nightly": _week({range(1, 4): 3.0, range(8, 18): 0.9}, night=0.5, weekend=0.7),
    "working hours only": _week({range(6, 17): 1.0}, night=0.0, weekend=0.0),
}


def ticks(instant: datetime) -> int:
    """The instant in ticks since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1) * (TICKS // 1_000_000)


def hour_of_week(at: int) -> int:
    """Which of the 168 hours the instant falls into."""
    return (at // HOUR + _EPOCH_HOUR) % HOURS_OF_WEEK


def hours_covered(start: int, end: int) -> list[float]:
    """How many hours (with fractions) of each hour of the week lie between two instants."""
    whole_weeks, rest = divmod(max(0, end - start), HOURS_OF_WEEK * HOUR)
    covered = [float(whole_weeks)] * HOURS_OF_WEEK
    at, stop = end - rest, end
    while at < stop:
        next_hour = min(stop, at - at % HOUR + HOUR)
        covered[hour_of_week(at)] += (next_hour - at) / HOUR
        at = next_hour
    return covered
