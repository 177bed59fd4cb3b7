"""Which errors make provisioning fail, how often, and for how many objects?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.insights.failures import Failure, Failures
from tests.stores import NOW, Event, MakeRoom, question

HOUR = timedelta(hours=1)
TIMEOUT = Event(NOW - 2 * HOUR, result="Failure", code="Timeout", reason="No answer.")
FAILURES = Failures()


async def only(room: MakeRoom, *events: Event) -> Failure:
    (row,) = await room(events).rows(FAILURES, question())
    assert isinstance(row, Failure)
    return row


async def test_failures_are_counted_by_code_and_share(room: MakeRoom) -> None:
    conflict = replace(TIMEOUT, code="EntryConflict")
    asked = room(
        [TIMEOUT] * 2
        + [conflict] * 6
        + [Event(NOW - HOUR)] * 10
        + [replace(TIMEOUT, result="Skipped"), replace(TIMEOUT, result="Warning")]
    )
    rows = await asked.rows(FAILURES, question())
    assert [(row.error_code, row.events, row.share) for row in rows] == [
        ("EntryConflict", 6, 0.75),
        ("Timeout", 2, 0.25),
    ]


async def test_identities_are_distinct_source_objects(room: MakeRoom) -> None:
    events = [replace(TIMEOUT, source_id=f"user-{number % 137}") for number in range(1000)]
    row = await only(room, *events)
    assert (row.events, row.identities) == (1000, 137)


async def test_events_without_a_source_are_no_identity(room: MakeRoom) -> None:
    nobody = replace(TIMEOUT, source_id="")
    assert (await only(room, nobody, nobody)).identities == 0
    assert (await only(room, nobody, TIMEOUT)).identities == 1


async def test_same_object_with_two_codes_counts_for_both(room: MakeRoom) -> None:
    rows = await room([TIMEOUT, replace(TIMEOUT, code="Conflict")]).rows(FAILURES, question())
    assert [row.identities for row in rows] == [1, 1]


async def test_inner_status_wins_over_the_envelope(room: MakeRoom) -> None:
    hidden = replace(TIMEOUT, envelope_result="Success", code="A")
    harmless = Event(NOW - HOUR, result="Success", envelope_result="Failure", code="B")
    assert (await only(room, hidden, harmless)).error_code == "A"


async def test_first_last_and_sample_are_those_of_the_times(room: MakeRoom) -> None:
    times = [3 * HOUR, HOUR / 60, 20 * HOUR]
    events = [
        replace(TIMEOUT, at=NOW - ago, reason=f"{ago} ago: z", source_id=f"user-{ago}")
        for ago in times
    ]
    row = await only(room, *events)
    assert (row.first_seen, row.last_seen) == (NOW - 20 * HOUR, NOW - HOUR / 60)
    assert row.sample_description == "0:01:00 ago: z"


@pytest.mark.parametrize("reason", ["", " leading", "two\nlines", 'a "quoted" \\ one', "日本語 😀"])
async def test_sample_is_the_description_as_it_came(room: MakeRoom, reason: str) -> None:
    assert (await only(room, replace(TIMEOUT, reason=reason))).sample_description == reason


async def test_failure_without_a_code_has_the_empty_code(room: MakeRoom) -> None:
    row = await only(room, replace(TIMEOUT, code=""))
    assert (row.error_code, row.knowledge) == ("", None)


async def test_knowledge_is_found_behind_a_connectors_name(room: MakeRoom) -> None:
    row = await only(room, replace(TIMEOUT, code="FabrikamEntryConflict"))
    assert row.error_code == "FabrikamEntryConflict"
    assert row.knowledge
    assert row.knowledge.code == "EntryConflict"


async def test_unknown_code_has_no_knowledge(room: MakeRoom) -> None:
    assert (await only(room, replace(TIMEOUT, code="Gartentor"))).knowledge is None


async def test_window_holds_its_start_and_not_its_end(room: MakeRoom) -> None:
    asked = question(days=1)
    at_start, at_end = asked.window.start, asked.window.end
    events = [replace(TIMEOUT, at=at) for at in (at_start - HOUR / 3600, at_start, at_end)]
    assert (await only(room, *events)).first_seen == at_start


async def test_jobs_are_apart_in_the_fleet_and_equal_counts_in_order(room: MakeRoom) -> None:
    events = [replace(TIMEOUT, job=job, code=code) for job in ("b", "a") for code in ("Y", "X")]
    answered = await room(events).answer(FAILURES, question())
    rows = [(job.job_id, row.error_code, row.share) for job, row in answered.rows]
    assert rows == [("a", "X", 0.25), ("a", "Y", 0.25), ("b", "X", 0.25), ("b", "Y", 0.25)]


async def test_share_of_one_job_is_of_its_own_failures(room: MakeRoom) -> None:
    events = [replace(TIMEOUT, job="a")] * 3 + [replace(TIMEOUT, job="b")]
    (row,) = await room(events).rows(FAILURES, question(job="b"))
    assert (row.events, row.share) == (1, 1.0)
