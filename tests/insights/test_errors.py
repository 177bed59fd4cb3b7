"""Which error codes are there at all, on failures or not?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.insights.errors import ErrorCount, Errors
from tests.stores import NOW, Event, MakeRoom, question

EVENT = Event(NOW - timedelta(hours=1))
ERRORS = Errors()


async def test_every_code_is_counted_with_its_result_and_the_empty_one_too(room: MakeRoom) -> None:
    events = [
        *[replace(EVENT, code="Timeout", result="Failure")] * 3,
        *[replace(EVENT, code="Timeout", result="Skipped", action="Create")] * 2,
        replace(EVENT, code="Timeout", result="Skipped", action="Delete"),
        replace(EVENT, code="RedundantExport", result="Success"),
        *[EVENT] * 5,
        replace(EVENT, code="timeout", result="Failure"),
        replace(EVENT, code="Old", at=NOW - timedelta(days=3)),
    ]
    assert await room(events).rows(ERRORS, question()) == [
        ErrorCount("", "success", 5),
        ErrorCount("Timeout", "failure", 3),
        ErrorCount("Timeout", "skipped", 3),
        ErrorCount("RedundantExport", "success", 1),
        ErrorCount("timeout", "failure", 1),
    ]


async def test_jobs_are_apart_and_filters_choose(room: MakeRoom) -> None:
    events = [
        replace(EVENT, job=job, code=code, result="Failure")
        for job in ("b", "a")
        for code in ("B", "A")
    ]
    asked = room(events)
    answered = await asked.answer(ERRORS, question())
    assert [(job.job_id, row.error_code) for job, row in answered.rows] == [
        ("a", "A"), ("a", "B"), ("b", "A"), ("b", "B"),
    ]  # fmt: skip
    assert await asked.rows(ERRORS, question(job="b", error_codes={"a"})) == [
        ErrorCount("A", "failure", 1)
    ]


async def test_known_job_with_nothing_in_the_window_has_no_codes(room: MakeRoom) -> None:
    old = replace(EVENT, at=NOW - timedelta(days=100))
    assert await room([old]).rows(ERRORS, question(job="job-a")) == []
