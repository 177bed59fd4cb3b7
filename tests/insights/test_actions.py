"""How many events of each action and result are there over time?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from service.insights.actions import Actions
from service.times import BINS
from tests.stores import NOW, Event, MakeRoom, question

HOUR = timedelta(hours=1)
EVENT = Event(NOW - HOUR)
ACTIONS = Actions()


@pytest.mark.parametrize("bin_name", ["15m", "1h", "6h", "1d", "7d"])
async def test_every_bin_is_there_with_what_it_holds(room: MakeRoom, bin_name: str) -> None:
    asked = question(days=14, bin_name=bin_name)
    events = [
        replace(
            EVENT,
            at=NOW - number * timedelta(minutes=347),
            action=("Create", "Update", "Frobnicate")[number % 3],
            result=("Success", "Failure")[number % 2],
        )
        for number in range(100)
    ]
    expected: dict[tuple[str, str], Counter[object]] = {}
    for event in events:
        if asked.window.start <= event.at < asked.window.end:
            action = event.action.lower() if event.action != "Frobnicate" else "other"
            counts = expected.setdefault((action, event.result.lower()), Counter())
            counts[BINS[bin_name].floor(event.at)] += 1
    rows = await room(events).rows(ACTIONS, asked)
    assert {
        (row.action, row.result): [(point.at, point.events) for point in row.points] for row in rows
    } == {
        names: [(start, counts[start]) for start in asked.window.starts()]
        for names, counts in expected.items()
    }
    assert {(row.action, row.result): row.total for row in rows} == {
        names: counts.total() for names, counts in expected.items()
    }


async def test_most_events_come_first_then_names(room: MakeRoom) -> None:
    events = [
        replace(EVENT, action="Update"),
        replace(EVENT, action="Create"),
        *[replace(EVENT, action="Delete")] * 2,
    ]
    rows = await room(events).rows(ACTIONS, question())
    assert [row.label for row in rows] == ["delete, success", "create, success", "update, success"]


async def test_window_holds_its_start_and_not_its_end(room: MakeRoom) -> None:
    asked = question(days=1, bin_name="1h")
    edges = [asked.window.start, asked.window.end]
    instant = timedelta(microseconds=1)
    events = [replace(EVENT, at=at) for edge in edges for at in (edge - instant, edge)]
    (row,) = await room(events).rows(ACTIONS, asked)
    held = [point.at for point in row.points if point.events]
    assert (row.total, held) == (2, [asked.window.start, asked.window.end - HOUR])


async def test_a_page_of_series_is_what_the_whole_list_holds_there(room: MakeRoom) -> None:
    events = [replace(EVENT, job=f"job-{number:02}") for number in range(30)]
    answered = await room(events).answer(ACTIONS, question())
    first, position = ACTIONS.page(answered.rows, ACTIONS.options(), None, 20)
    rest, end = ACTIONS.page(answered.rows, ACTIONS.options(), position, 20)
    assert [job.job_id for job, _ in (*first, *rest) if job] == [event.job for event in events]
    assert (len(first), len(rest), end) == (20, 10, None)
    assert [answered.rows[index] for index in range(30)] == [*first, *rest]
