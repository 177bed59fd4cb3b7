"""Axes of charts: round counts, round times in UTC, and how both are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil

from service.times import Bin

_DAY = timedelta(days=1)
_STEPS = tuple(
    Bin(str(width), width)
    for width in (
        *(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30)),
        *(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12)),
        *(timedelta(days=days) for days in (1, 2, 7, 14)),
    )
)
_STEPS_IN_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def count_ticks(highest: float, most: int = 5) -> list[int]:
    """Counts from 0 in steps of 1, 2 or 5 times a power of ten; the last is `highest` or above.

    At most `most` steps; 0 and 1 where there is nothing above zero.
    """
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if step * most >= highest)
    return [index * step for index in range(max(1, ceil(highest / step)) + 1)]


def short_count(number: int) -> str:
    """Thousands separated below 10,000, else about three digits: `9,999`, `12.3k`, `1.2M`."""
    if number < 10_000:
        return f"{number:,}"
    for power, suffix in ((3, "k"), (6, "M"), (9, "B"), (12, "T")):
        scaled = number / 10**power
        if scaled < 99.95:
            return f"{scaled:.1f}".removesuffix(".0") + suffix
        if scaled < 999.5:
            return f"{scaled:.0f}{suffix}"
    return f"{number:.1e}".replace("e+", "e")


@dataclass(frozen=True)
class TimeTick:
    """A labelled instant; `context` is its second line, empty where the tick before says it."""

    at: datetime
    label: str
    context: str


def time_ticks(first: datetime, last: datetime, bin_width: timedelta, most: int) -> list[TimeTick]:
    """Round UTC times from `first` to `last`, the starts of the first and the last bin.

    The finest step, no finer than a bin, that needs at most `most` ticks. Hours carry their day
    as context, days their weekday, weeks and months their year. Where no round time falls between
    the two, the one tick is `first`.
    """
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    for step in _STEPS:
        if step.width >= bin_width and (last - first) // step.width < most:
            instants = list(_every(step, first, last))
            written = [_written(at, step.width) for at in instants or [first]]
            return _ticks(instants or [first], written)
    for months in _STEPS_IN_MONTHS:
        instants = list(_every_months(months, first, last))
        if len(instants) <= most:
            break
    if not instants:
        return _ticks([first], [_written(first, _STEPS[-1].width)])
    return _ticks(
        instants,
        [
            (f"{at.year}", "") if months % 12 == 0 else (_MONTHS[at.month - 1], f"{at.year}")
            for at in instants
        ],
    )


def day_label(at: datetime) -> str:
    """The day and month in UTC, `22 Nov`, whatever the locale."""
    at = at.astimezone(UTC)
    return f"{at.day} {_MONTHS[at.month - 1]}"


def bin_label(start: datetime, bin_width: timedelta) -> str:
    """A bin by its start: `22 Nov`, or `22 Nov 13:00` where bins are shorter than a day."""
    clock = "" if bin_width >= _DAY else f" {start.astimezone(UTC):%H:%M}"
    return day_label(start) + clock


def window_label(first: datetime, last: datetime, bin_width: timedelta) -> str:
    """The time covered by bins that start at `first` to `last`: `24 Oct to 22 Nov 2026, UTC`."""
    first, end = first.astimezone(UTC), last.astimezone(UTC) + bin_width
    if bin_width >= _DAY:
        end -= _DAY
        years = (
            ("", f" {end.year}") if first.year == end.year else (f" {first.year}", f" {end.year}")
        )
        days = [day_label(at) + year for at, year in zip((first, end), years, strict=True)]
        return f"{days[1] if first == end else ' to '.join(days)}, UTC"
    clock = f"{end:%H:%M}" if first.date() == end.date() else f"{day_label(end)} {end:%Y %H:%M}"
    return f"{day_label(first)} {first:%Y %H:%M} to {clock} UTC"


def _every(step: Bin, first: datetime, last: datetime) -> Iterator[datetime]:
    at = step.ceil(first)
    while at <= last:
        yield at
        at += step.width


def _every_months(months: int, first: datetime, last: datetime) -> Iterator[datetime]:
    start = -(-(first.year * 12 + first.month - 1) // months) * months
    for index in range(start, last.year * 12 + last.month, months):
        at = datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)
        if first <= at <= last:
            yield at


def _written(at: datetime, step: timedelta) -> tuple[str, str]:
    if step < _DAY:
        return f"{at:%H:%M}", day_label(at)
    return day_label(at), f"{at.year}" if step >= timedelta(days=7) else _WEEKDAYS[at.weekday()]


def _ticks(instants: list[datetime], written: list[tuple[str, str]]) -> list[TimeTick]:
    before = ["", *(context for _, context in written)]
    return [
        TimeTick(at, label, context if context != known else "")
        for at, (label, context), known in zip(instants, written, before, strict=False)
    ]
