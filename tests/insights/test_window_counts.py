"""How many events and failures do the latest windows hold?"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from service.insights.window_counts import WindowCounts, window_counts
from tests.stores import NOW, Event, MakeRoom, Room

MINUTE = timedelta(minutes=1)
WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24)}


async def counts(room: Room, now: datetime) -> WindowCounts:
    await room.load()
    return window_counts(room.activity, now, WINDOWS)


async def test_windows_end_at_the_last_whole_five_minutes(room: MakeRoom) -> None:
    now = NOW + 3 * MINUTE
    ago = [-3, 0, 1, 59, 60, 61, 24 * 60 - 1, 24 * 60, 24 * 60 + 1]
    events = [
        Event(
            NOW - minutes * MINUTE,
            job=f"job-{number % 2}",
            action="Create" if number % 3 else "Delete",
            result="Failure" if number % 2 else "Success",
            code="Timeout" if number % 2 else "",
        )
        for number, minutes in enumerate(ago)
    ]
    counted = await counts(room(events, now=lambda: now), now)
    expected, failures = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for window, width in (("1h", 60 * MINUTE), ("24h", 24 * 60 * MINUTE)):
        for event in events:
            if NOW - width <= event.at < NOW:
                expected[window, event.job, event.action.lower(), event.result.lower()] += 1
                if event.result == "Failure":
                    failures[window, event.job, event.code] += 1
    assert counted.end == NOW
    assert counted.events == expected
    assert counted.failures == failures


async def test_empty_store_counts_nothing(room: MakeRoom) -> None:
    counted = await counts(room([]), NOW)
    assert (dict(counted.events), dict(counted.failures)) == ({}, {})
