"""How are all jobs doing, and one of them in detail?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.insights.asking import JobNotFound
from service.insights.cycle import Cycle
from service.insights.directory import App
from service.insights.job import JobDetail, OneJob
from service.insights.jobs import JobRow, Jobs
from tests.stores import NOW, Event, MakeRoom, question

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOBS, JOB = Jobs(), OneJob()


def hourly(job: str, *, until: datetime = NOW, failures: int = 0) -> list[Event]:
    """Four weeks with an event at half past every hour, of which the newest failed."""
    times = [until - number * HOUR - HOUR / 2 for number in range(28 * 24)]
    return [
        Event(
            at,
            id=f"{job}-{number}",
            job=job,
            app=job.title(),
            result="Failure" if number < failures else "Success",
            code="Timeout" if number < failures else "",
        )
        for number, at in enumerate(times)
    ]


async def test_every_state_of_health_is_told_from_the_logs(room: MakeRoom) -> None:
    mondays = [NOW - 2 * DAY - week * 7 * DAY for week in range(4)]
    events = [
        *hourly("degraded", failures=5),
        *hourly("failing", failures=10),
        *hourly("healthy", failures=4),
        *(Event(at, id=f"idle-{at:%d}", job="idle") for at in mondays),
        *hourly("silent", until=NOW - 2 * DAY),
    ]
    answered = await room(events).answer(JOBS, question())
    health = {job.job_id: row.health for job, row in answered.rows}
    assert {job: found.status for job, found in health.items()} == {
        job: job for job in ("degraded", "failing", "healthy", "idle", "silent")
    }
    assert health["healthy"].reasons == []
    assert health["degraded"].reasons == ["5 of 24 attempts failed (21%)."]
    assert health["failing"].reasons == ["10 of 24 attempts failed (42%)."]
    assert health["idle"].reasons == ["No events in this window."]
    assert health["silent"].reasons == ["No events for P2DT30M, against its rhythm."]


async def test_row_counts_the_window_and_dates_the_retention(room: MakeRoom) -> None:
    events = [
        Event(NOW - 40 * DAY),
        *[Event(NOW - HOUR, result="Failure")] * 3,
        *[Event(NOW - HOUR, result="Skipped")] * 4,
        *[Event(NOW - HOUR)] * 5,
    ]
    (row,) = await room(events).rows(JOBS, question())
    assert isinstance(row, JobRow)
    assert (row.job_id, row.app) == ("job-a", App("app-a", "Garden"))
    assert (row.source_system, row.target_system) == ("Microsoft Entra ID", "customappsso")
    assert (row.first_event, row.last_event) == (NOW - 40 * DAY, NOW - HOUR)
    assert (row.events, row.failures, row.skipped, row.failure_rate) == (12, 3, 4, 0.25)


async def test_job_without_events_in_the_window_is_listed_with_none(room: MakeRoom) -> None:
    rows = await room([Event(NOW - 300 * DAY), Event(NOW - HOUR, job="b")]).rows(JOBS, question())
    assert [(row.job_id, row.events, row.failure_rate) for row in rows] == [
        ("b", 1, 0.0),
        ("job-a", 0, None),
    ]


async def test_empty_store_has_no_jobs(room: MakeRoom) -> None:
    answered = await room([]).answer(JOBS, question())
    assert answered.rows == []
    assert answered.freshness.events_until is None
    assert answered.freshness.complete


async def test_renamed_application_shows_its_newest_name(room: MakeRoom) -> None:
    old = Event(NOW - 3 * DAY, app="Zelkova")
    nameless = Event(NOW - HOUR, app="", app_id="")
    (row,) = await room([old, Event(NOW - DAY, app="Garden"), nameless]).rows(JOBS, question())
    assert (row.app, row.first_event) == (App("app-a", "Garden"), NOW - 3 * DAY)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"jobs": {"job-a"}}, ["Job-A"]),
        ({"jobs": {"job-a", "job-b", "job-x"}}, ["Job-A", "job-b"]),
        ({"apps": {"garden éx"}}, ["job-b", "job-c"]),
        ({"apps": {"garden éx"}, "jobs": {"job-a", "job-c"}}, ["job-c"]),
        ({"apps": {"garden"}}, []),
    ],
)
async def test_jobs_are_chosen_by_id_and_application(
    room: MakeRoom, chosen: dict[str, Any], expected: list[str]
) -> None:
    events = [
        Event(NOW - HOUR, job="Job-A", app="Oak"),
        Event(NOW - HOUR, job="job-b", app="Garden ÉX"),
        Event(NOW - HOUR, job="job-c", app="garden Éx"),
    ]
    rows = await room(events).rows(JOBS, question(**chosen))
    assert [row.job_id for row in rows] == expected


async def test_unknown_job_is_not_found(room: MakeRoom) -> None:
    with pytest.raises(JobNotFound, match="job-x"):
        await room([Event(NOW)]).rows(JOB, question(job="job-x"))


async def test_detail_counts_actions_results_and_errors(room: MakeRoom) -> None:
    counted = Counter({"A": 7, "B": 6, "C": 5, "D": 4, "F": 3, "E": 3, "G": 1})
    failures = [
        Event(NOW - HOUR, action="Create", result="Failure", code=code)
        for code in counted.elements()
    ]
    others = [
        Event(NOW - HOUR, code="NotAFailure"),
        Event(NOW - HOUR, job="job-b", action="Disable"),
    ]
    (row,) = await room(failures + others).rows(JOB, question(job="job-a"))
    assert isinstance(row, JobDetail)
    assert row.events == counted.total() + 1
    assert list(row.by_action.items()) == [("create", counted.total()), ("update", 1)]
    assert list(row.by_result.items()) == [("failure", counted.total()), ("success", 1)]
    assert [(top.error_code, top.events) for top in row.top_errors] == [
        ("A", 7), ("B", 6), ("C", 5), ("D", 4), ("E", 3),
    ]  # fmt: skip


async def test_known_error_is_explained(room: MakeRoom) -> None:
    event = Event(NOW - HOUR, result="Failure", code="FabrikamEntryConflict")
    (row,) = await room([event]).rows(JOB, question(job="job-a"))
    assert row.top_errors[0].knowledge.code == "EntryConflict"


async def test_last_cycle_is_the_jobs_newest_whatever_the_window(room: MakeRoom) -> None:
    first, last = Event(NOW - 3 * HOUR, cycle="run-z"), Event(NOW - HOUR, cycle="run-a")
    none = replace(last, at=NOW - HOUR / 2, cycle="")
    other = replace(last, at=NOW - HOUR / 4, job="job-b", cycle="run-z")
    (row,) = await room([first, last, none, other]).rows(JOB, question(job="job-a"))
    assert row.last_cycle == Cycle("run-a", last.at, last.at, 1, 0, 0, {"update": 1}, timedelta(0))
    old = [replace(first, at=NOW - days * DAY, action="Create") for days in (9, 10)]
    (row,) = await room(old).rows(JOB, question(job="job-a"))
    assert row.events == 0
    assert row.last_cycle == Cycle(
        "run-z", old[1].at, old[0].at, 2, 0, 0, {"create": 2}, timedelta(days=1)
    )


async def test_job_without_cycles_has_no_last_one(room: MakeRoom) -> None:
    (row,) = await room([Event(NOW - HOUR, cycle="")]).rows(JOB, question(job="job-a"))
    assert row.last_cycle is None
