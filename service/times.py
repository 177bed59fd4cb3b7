"""Instants, durations and bins: UTC everywhere, microseconds, bins aligned to UTC.

Weeks begin on Monday, as in Kusto, whose `bin` counts from 0001-01-01, a Monday.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
_NAP = 5.0

_MONDAY = datetime(1, 1, 1, tzinfo=UTC)

_SHORT = re.compile(r"([1-9][0-9]{0,5})(m|h|d)", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_ISO = re.compile(
    r"P(?:(\d{1,5})W|(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?)", re.ASCII
)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def utc_now() -> datetime:
    """The present instant; services are handed a clock, so that tests can hand in another."""
    return datetime.now(UTC)


def steady() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps.

    Python's monotonic clock stands still in a laptop that sleeps: what was fresh in the evening
    would be fresh in the morning. Linux has another one; on macOS it is the system's monotonic
    clock, on Windows Python's own.
    """
    if _STEADY is None:
        return time.monotonic()
    return time.clock_gettime(_STEADY)


async def rest(
    seconds: float,
    *,
    clock: Callable[[], float] = steady,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Waits until so many seconds have passed on the clock, at most `_NAP` too long.

    The event loop's own clock may stand still while the machine sleeps, hence in short naps.
    """
    due = clock() + seconds
    while (left := due - clock()) > 0:
        await sleep(min(left, _NAP))


def parse_duration(text: str) -> timedelta:
    """`24h`, `7d`, `30m` or ISO 8601 such as `PT1H`; `ValueError` for anything else or for zero."""
    if short := _SHORT.fullmatch(text):
        duration = timedelta(**{_UNITS[short[2]]: int(short[1])})
    elif (iso := _ISO.fullmatch(text)) and any(iso.groups()):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    else:
        raise ValueError("expected a duration such as 24h, 7d, 30m or PT1H")
    if not duration:
        raise ValueError("expected a duration longer than zero")
    return duration


def format_duration(duration: timedelta) -> str:
    """ISO 8601 as RFC 3339 (appendix A) narrows it: `P1D`, `PT1H`, `PT1H0M5S`, `PT0S`."""
    seconds = int(duration.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    days, rest = divmod(seconds, 86_400)
    hours, minutes, seconds = rest // 3600, rest % 3600 // 60, rest % 60
    clock = f"{hours}H" if hours else ""
    clock += f"{minutes}M" if minutes or (hours and seconds) else ""
    clock += f"{seconds}S" if seconds else ""
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"{sign}P{text or 'T0S'}"


def parse_instant(text: str) -> datetime:
    """An RFC 3339 time with its zone, as UTC; `ValueError` without one or for any other form."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("expected an RFC 3339 time with its zone, such as 2026-11-21T13:00:00Z")
    if match[1] and len(match[1]) > 7:
        text = text.replace(match[1], match[1][:7])
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("expected a time that exists, such as 2026-11-21T13:00:00Z") from None


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the second, or to the microsecond where there is one."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


@dataclass(frozen=True)
class Bin:
    """A width of time that windows and series are cut into, aligned to UTC."""

    name: str
    width: timedelta

    def floor(self, instant: datetime) -> datetime:
        """The start of the bin that holds the instant."""
        return instant - (instant - _MONDAY) % self.width

    def ceil(self, instant: datetime) -> datetime:
        """The instant itself if a bin starts there, else the start of the next bin."""
        start = self.floor(instant)
        return start if start == instant else start + self.width


BINS: dict[str, Bin] = {
    name: Bin(name, parse_duration(name)) for name in ("5m", "15m", "1h", "6h", "1d", "7d")
}


def default_bin(length: timedelta) -> Bin:
    """What a window of this length is cut into where nothing else is asked for."""
    if length <= timedelta(hours=6):
        return BINS["5m"]
    return BINS["1h"] if length <= timedelta(days=3) else BINS["1d"]


@dataclass(frozen=True)
class Window:
    """The time that an answer counts: from `start` up to, and without, `end`, in whole bins."""

    start: datetime
    end: datetime
    bin: Bin

    @property
    def bins(self) -> int:
        return (self.end - self.start) // self.bin.width

    def starts(self) -> list[datetime]:
        """The start of each bin, oldest first."""
        return [self.start + index * self.bin.width for index in range(self.bins)]
