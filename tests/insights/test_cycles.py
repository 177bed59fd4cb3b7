"""What did each run of a job do?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.insights.cycle import Cycle
from service.insights.cycles import Cycles
from tests.stores import NOW, Event, MakeRoom, question

MINUTE = timedelta(minutes=1)
EVENT = Event(NOW - 60 * MINUTE, cycle="run-1")
CYCLES = Cycles()


async def test_cycle_is_counted_from_first_to_last_event(room: MakeRoom) -> None:
    events = [
        EVENT,
        replace(EVENT, at=NOW - 55 * MINUTE, action="Create", result="Failure"),
        replace(EVENT, at=NOW - 50 * MINUTE, action="Create", result="Skipped"),
        replace(EVENT, at=NOW - 45 * MINUTE, action="StagedDelete"),
        replace(EVENT, at=NOW - 40 * MINUTE, action="Frobnicate", result="Warning"),
    ]
    assert await room(events).rows(CYCLES, question()) == [
        Cycle(
            "run-1",
            started=NOW - 60 * MINUTE,
            ended=NOW - 40 * MINUTE,
            events=5,
            failures=1,
            skipped=1,
            by_action={"create": 2, "update": 1, "stageddelete": 1, "other": 1},
            duration=20 * MINUTE,
        )
    ]


async def test_newest_cycle_comes_first_and_events_without_one_are_none(room: MakeRoom) -> None:
    events = [
        replace(EVENT, at=NOW - ago * MINUTE, cycle=cycle)
        for ago, cycle in ((90, "run-1"), (30, "run-3"), (60, "run-2"), (5, ""))
    ]
    rows = await room(events).rows(CYCLES, question())
    assert [row.cycle_id for row in rows] == ["run-3", "run-2", "run-1"]


async def test_cycle_cut_by_the_window_shows_what_the_window_holds(room: MakeRoom) -> None:
    start = question(days=1).window.start
    events = [replace(EVENT, at=start + minutes * MINUTE) for minutes in (-10, -1, 0, 7)]
    (row,) = await room(events).rows(CYCLES, question(days=1))
    assert (row.started, row.ended, row.events) == (start, start + 7 * MINUTE, 2)


async def test_same_cycle_id_of_two_jobs_is_two_cycles(room: MakeRoom) -> None:
    answered = await room([EVENT, replace(EVENT, job="job-b")]).answer(CYCLES, question())
    assert [(job.job_id, row.events) for job, row in answered.rows] == [("job-a", 1), ("job-b", 1)]


async def test_filters_cut_what_a_cycle_counts(room: MakeRoom) -> None:
    events = [EVENT, replace(EVENT, action="Create")]
    (row,) = await room(events).rows(CYCLES, question(actions={"create"}))
    assert row.by_action == {"create": 1}
