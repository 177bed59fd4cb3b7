"""How many distinct objects were synced, by type, and what came of them?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.insights.objects import ObjectCount, Objects
from tests.stores import NOW, Event, MakeRoom, question

EVENT = Event(NOW - timedelta(hours=1), source_id="u1")
OBJECTS = Objects()


async def test_objects_are_counted_once_and_under_all_that_happened_to_them(room: MakeRoom) -> None:
    events = [
        *[EVENT] * 4,
        replace(EVENT, result="Failure"),
        replace(EVENT, action="Create", result="Failure"),
        replace(EVENT, source_id="u2", action="StagedDelete", result="Skipped"),
        replace(EVENT, source_id="u3", action="Frobnicate", result="Warning"),
        replace(EVENT, source_id="g1", source_type="Group", action="Delete"),
        replace(EVENT, source_id="g1", source_type="Group", action="Disable"),
    ]
    assert await room(events).rows(OBJECTS, question()) == [
        ObjectCount(
            "User",
            3,
            by_result={"success": 1, "failure": 1, "skipped": 1, "warning": 1},
            by_action={"create": 1, "update": 1, "stageddelete": 1, "other": 1},
        ),
        ObjectCount("Group", 1, by_result={"success": 1}, by_action={"delete": 1, "disable": 1}),
    ]


async def test_count_is_exact_for_many_objects(room: MakeRoom) -> None:
    events = [
        replace(EVENT, source_id=f"u{number % 613}", result="Failure" if number < 97 else "Success")
        for number in range(1300)
    ]
    (row,) = await room(events).rows(OBJECTS, question())
    assert (row.identities, row.by_result) == (613, {"success": 613, "failure": 97})


async def test_types_are_one_whatever_their_case(room: MakeRoom) -> None:
    events = [
        replace(EVENT, source_id=source_id, source_type=kind)
        for source_id, kind in (("u1", "User"), ("u1", "user"), ("u2", "USER"), ("u3", "user"))
    ]
    (row,) = await room(events).rows(OBJECTS, question())
    assert (row.identity_type.lower(), row.identities) == ("user", 3)


async def test_events_without_a_source_are_left_out(room: MakeRoom) -> None:
    nobody = replace(EVENT, source_id="")
    assert await room([nobody]).rows(OBJECTS, question()) == []
    (row,) = await room([nobody, EVENT]).rows(OBJECTS, question())
    assert row.by_result == {"success": 1}


async def test_object_of_two_jobs_counts_for_each(room: MakeRoom) -> None:
    events = [EVENT, replace(EVENT, job="job-b"), replace(EVENT, job="job-b", source_id="u2")]
    answered = await room(events).answer(OBJECTS, question())
    assert [(job.job_id, row.identities) for job, row in answered.rows] == [
        ("job-b", 2), ("job-a", 1),
    ]  # fmt: skip


async def test_filters_choose_the_events_that_count(room: MakeRoom) -> None:
    events = [EVENT, replace(EVENT, source_id="u2", result="Failure")]
    (row,) = await room(events).rows(OBJECTS, question(results={"failure"}))
    assert (row.identities, row.by_result) == (1, {"failure": 1})
