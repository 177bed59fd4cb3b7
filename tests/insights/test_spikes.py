"""When did a job do unusually much or little of something?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from service.insights.directory import Job
from service.insights.spikes import SpikeOptions, Spikes, SpikeSeries
from service.records.importing import add_lines
from service.records.store import Store
from service.times import BINS
from service.workspace.embedded import EmbeddedWorkspace
from tests.stores import NOW, Event, MakeRoom, Room, Step, question

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPIKES = Spikes()
TODAY = BINS["1d"].floor(NOW)


def daily(counts: dict[int, int] | None = None, *, usual: int = 20, days: int = 30) -> list[Event]:
    """So many events at two o'clock of each of the last days; `counts` by days ago differ."""
    amounts = dict.fromkeys(range(1, days), usual) | (counts or {})
    return [
        Event(TODAY - ago * DAY + 2 * HOUR, id=f"e{ago}-{number}")
        for ago, amount in amounts.items()
        for number in range(amount)
    ]


async def series(
    room: MakeRoom, events: list[Event], options: SpikeOptions | None = None, **asked: Any
) -> list[SpikeSeries]:
    window: dict[str, Any] = {"days": 30, "bin_name": "1d"} | asked
    return await room(events).rows(SPIKES, question(**window), options or SpikeOptions())


async def test_every_bin_of_the_window_is_there_with_what_it_holds(room: MakeRoom) -> None:
    times = [NOW - number * 7 * HOUR for number in range(1, 60)]
    (found,) = await series(room, [Event(at) for at in times], days=10, bin_name="6h")
    asked = question(days=10, bin_name="6h").window
    counted = Counter(BINS["6h"].floor(at) for at in times if asked.start <= at < asked.end)
    assert [(point.at, point.events) for point in found.points] == [
        (start, counted[start]) for start in asked.starts()
    ]
    assert found.total == counted.total()
    assert 0 in (point.events for point in found.points)


@pytest.mark.parametrize("bin_name", ["1d", "7d"])
async def test_weeks_begin_on_monday_and_days_at_midnight(room: MakeRoom, bin_name: str) -> None:
    width = BINS[bin_name]
    edges = [width.floor(NOW) - number * width.width for number in range(4)]
    times = [at for edge in edges for at in (edge - timedelta(microseconds=1), edge)]
    (found,) = await series(room, [Event(at) for at in times], days=60, bin_name=bin_name)
    counted = Counter(width.floor(at) for at in times)
    held = {point.at: point.events for point in found.points if point.events}
    assert held == dict(counted)
    assert all(a.at + width.width == b.at for a, b in pairwise(found.points))
    if bin_name == "7d":
        assert {point.at.weekday() for point in found.points} == {0}


async def test_spike_is_marked_where_it_is(room: MakeRoom) -> None:
    (found,) = await series(room, daily({4: 200}))
    (spike,) = found.spikes
    assert (spike.at, spike.events, spike.direction) == (TODAY - 4 * DAY, 200, "up")
    (point,) = [point for point in found.points if point.spike]
    assert (point.at, point.expected, point.score) == (spike.at, spike.expected, spike.score)
    assert point.upper
    assert point.events > point.upper > (point.expected or 0)
    assert spike.expected == pytest.approx(20, abs=1)


async def test_drop_is_marked_as_one(room: MakeRoom) -> None:
    (found,) = await series(room, daily({4: 0}, usual=100))
    (spike,) = found.spikes
    assert (spike.at, spike.events, spike.direction) == (TODAY - 4 * DAY, 0, "down")
    assert spike.score < -3


async def test_day_that_is_not_over_is_no_drop(room: MakeRoom) -> None:
    (found,) = await series(room, daily(usual=100))
    assert found.points[-1].at == TODAY
    assert (found.points[-1].events, found.points[-1].spike) == (0, False)


async def test_day_that_is_not_over_can_be_a_spike(room: MakeRoom) -> None:
    (found,) = await series(room, daily({0: 300}))
    assert [spike.at for spike in found.spikes] == [TODAY]


async def test_small_counts_need_min_events(room: MakeRoom) -> None:
    events = daily({3: 14}, usual=1)
    assert (await series(room, events))[0].spikes
    assert not (await series(room, events, SpikeOptions(min_events=15)))[0].spikes


async def test_sensitivity_moves_the_threshold(room: MakeRoom) -> None:
    events = daily({3: 200})
    assert (await series(room, events, SpikeOptions(sensitivity=1.0)))[0].spikes
    assert not (await series(room, events, SpikeOptions(sensitivity=1000.0)))[0].spikes


async def test_days_before_the_job_began_say_nothing(room: MakeRoom) -> None:
    (found,) = await series(room, daily(days=15))
    before = [point for point in found.points if point.at < TODAY - 14 * DAY]
    assert before
    assert {(point.events, point.expected, point.score) for point in before} == {(0, None, None)}
    assert not found.spikes


async def test_too_short_a_history_says_nothing(room: MakeRoom) -> None:
    (found,) = await series(room, daily({2: 500}, days=6), days=6)
    assert {point.expected for point in found.points} == {None}
    assert not found.spikes


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("operation", {("EntryExportUpdate", 3), ("EntryExportDelete", 2), ("", 1)}),
        ("action", {("update", 4), ("delete", 2)}),
        ("result", {("success", 3), ("failure", 3)}),
    ],
)
async def test_series_are_of_what_is_asked(
    room: MakeRoom, of: Any, expected: set[tuple[str, int]]
) -> None:
    event = Event(NOW - HOUR)
    deletion = replace(event, action="Delete", result="Failure", steps=(Step("EntryExportDelete"),))
    events = [event] * 3 + [deletion] * 2 + [replace(event, result="Failure", steps=())]
    found = await series(room, events, SpikeOptions(of=of), days=1, bin_name="1h")
    assert {(one.name, one.total) for one in found} == expected
    assert {one.series for one in found} == {of}
    assert {one.label for one in found} == {name or "(none)" for name, _ in expected}


async def test_largest_series_comes_first_and_only_spikes_can_be_asked_for(room: MakeRoom) -> None:
    quiet = [replace(event, id=f"q{event.id}", job="quiet") for event in daily(usual=30)]
    asked = room(daily({4: 200}) + quiet)
    window = question(days=30, bin_name="1d")
    both = await asked.answer(SPIKES, window, SpikeOptions())
    assert [job.job_id for job, _ in both.rows] == ["quiet", "job-a"]
    only = await asked.answer(SPIKES, window, SpikeOptions(only="spikes"))
    assert [job.job_id for job, _ in only.rows] == ["job-a"]


async def test_job_without_events_in_the_window_has_no_series(room: MakeRoom) -> None:
    assert await series(room, [Event(datetime(2026, 1, 1, tzinfo=NOW.tzinfo))]) == []


async def test_a_page_holds_what_the_whole_answer_holds_there(room: MakeRoom) -> None:
    jobs = [
        replace(event, id=f"{job}{event.id}", job=f"job-{job}")
        for job, usual in enumerate((5, 9, 7))
        for event in daily({4: 90}, usual=usual)
    ]
    answered = await room(jobs).answer(SPIKES, question(days=30, bin_name="1d"), SpikeOptions())
    rows = list(answered.rows)
    assert [job.job_id for job, _ in rows] == ["job-1", "job-2", "job-0"]
    assert [answered.rows[place] for place in range(3)] == rows
    assert answered.rows[1:] == rows[1:]
    assert answered.rows[-1] == rows[-1]


async def test_what_was_known_before_news_came_changes_no_answer(tmp_path: Path) -> None:
    asked, options = question(days=30, bin_name="1d"), SpikeOptions(only="spikes")
    clock = [NOW]
    path = tmp_path / "events.duckdb"
    with Store.create_or_open(path, lambda: clock[0]) as store:
        workspace = EmbeddedWorkspace(duckdb.connect(str(path)), now=lambda: clock[0])
        room = Room(workspace, lambda: clock[0])

        async def arrive(events: list[Event]) -> list[tuple[Job, SpikeSeries]]:
            add_lines((orjson.dumps(event.record(0)) + b"\n" for event in events), store)
            clock[0] += HOUR / 60
            await room.load()
            async for _ in room.activity.refresh():
                pass
            clock[0] += HOUR / 60
            return list((await room.answer(SPIKES, asked, options)).rows)

        quiet = [replace(event, id=f"q{event.id}", job="quiet") for event in daily(usual=30)]
        before = await arrive(daily({4: 200}) + quiet)
        assert [job.job_id for job, _ in before] == ["job-a"]
        late = [replace(quiet[0], id=f"late-{number}", at=TODAY - 9 * DAY) for number in range(200)]
        after = await arrive(late)
        assert {job.job_id for job, _ in after} == {"job-a", "quiet"}
        room.activity.forget()
        assert after == list((await room.answer(SPIKES, asked, options)).rows)
        await room.close()
