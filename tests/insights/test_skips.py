"""Why were objects skipped, and does anybody have to act?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.insights.knowledge.lookup import skip_knowledge
from service.insights.skips import Skip, Skips
from tests.stores import NOW, Event, MakeRoom, Step, question

SKIPS = Skips()
OTHER = Step("EntryImport", "Read.", {"ErrorCode": "None"})


def because(reason: str, key: str = "SkipReason") -> Step:
    return Step("EntrySynchronizationSkip", "Not done.", {key: reason})


SKIPPED = Event(
    NOW - timedelta(hours=1), result="Skipped", steps=(OTHER, because("RedundantExport"))
)


async def counted(room: MakeRoom, events: Iterable[Event]) -> list[tuple[Any, ...]]:
    rows = await room(events).rows(SKIPS, question())
    return [(row.reason, row.benign, row.events, row.identities) for row in rows]


async def test_reasons_are_counted_with_their_distinct_objects(room: MakeRoom) -> None:
    events = [
        *[replace(SKIPPED, source_id=f"user-{number % 3}") for number in range(7)],
        replace(SKIPPED, source_id=""),
        *[replace(SKIPPED, steps=(because("AttributeValidationFailed"),))] * 2,
        *[replace(SKIPPED, result="Success")] * 9,
    ]
    assert await counted(room, events) == [
        ("RedundantExport", True, 8, 3),
        ("AttributeValidationFailed", False, 2, 1),
    ]


async def test_known_reason_is_explained(room: MakeRoom) -> None:
    (row,) = await room([SKIPPED]).rows(SKIPS, question())
    known = skip_knowledge("RedundantExport")
    assert known
    assert row.knowledge
    assert (row.knowledge.meaning, row.knowledge.action) == (known.meaning, known.action)


async def test_unknown_reason_is_neither_benign_nor_not(room: MakeRoom) -> None:
    assert await room([replace(SKIPPED, steps=(because("Gartentor"),))]).rows(
        SKIPS, question()
    ) == [Skip("Gartentor", None, 1, 1, None)]


async def test_skip_without_a_reason_has_the_empty_one(room: MakeRoom) -> None:
    events = [replace(SKIPPED, steps=()), replace(SKIPPED, steps=(OTHER,))]
    assert await counted(room, events) == [("", None, 2, 1)]


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("key", ["SkipReason", "skipReason"])
async def test_any_step_may_say_why(room: MakeRoom, index: int, key: str) -> None:
    steps = [OTHER] * 4
    steps[index] = because("NotEffectivelyEntitled", key)
    assert await counted(room, [replace(SKIPPED, steps=tuple(steps))]) == [
        ("NotEffectivelyEntitled", True, 1, 1)
    ]


async def test_details_may_be_json_held_as_text(room: MakeRoom) -> None:
    held: Any = json.dumps({"ErrorCode": "None", "SkipReason": "NotEffectivelyEntitled"})
    event = replace(SKIPPED, steps=(OTHER, Step("Skip", "", held)))
    assert await counted(room, [event]) == [("NotEffectivelyEntitled", True, 1, 1)]


async def test_jobs_are_apart_and_most_events_come_first(room: MakeRoom) -> None:
    events = [replace(SKIPPED, job="b")] * 2 + [replace(SKIPPED, job="a")]
    answered = await room(events).answer(SKIPS, question())
    assert [(job.job_id, row.events) for job, row in answered.rows] == [("b", 2), ("a", 1)]
    assert [row.events for row in await room(events).rows(SKIPS, question(job="a"))] == [1]


async def test_reason_that_is_an_error_code_is_explained_by_the_code(room: MakeRoom) -> None:
    lost = replace(SKIPPED, steps=(because("UnableToResolveReferenceAttributeValue"),))
    (row,) = await room([lost]).rows(SKIPS, question())
    assert row.benign is False
    assert row.knowledge


async def test_text_of_a_description_is_no_reason(room: MakeRoom) -> None:
    misleading = Step("EntryImport", 'Got {"SkipReason":"Fake"}.', {})
    told = replace(SKIPPED, steps=(misleading, because("RedundantExport")))
    assert await counted(room, [told]) == [("RedundantExport", True, 1, 1)]


@pytest.mark.parametrize("key", ["skipReason", "Skipreason", "SKIPREASON"])
async def test_reason_is_found_whatever_the_case_of_its_key(room: MakeRoom, key: str) -> None:
    assert await counted(room, [replace(SKIPPED, steps=(because("ImportSkipped", key),))]) == [
        ("ImportSkipped", False, 1, 1)
    ]


async def test_reason_with_quotes_is_shown_whole(room: MakeRoom) -> None:
    odd = 'Not "today", \\ nor é'
    assert await counted(room, [replace(SKIPPED, steps=(because(odd),))]) == [(odd, None, 1, 1)]
