"""Which members are missing from which groups, because their reference could not be resolved?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from service.insights.skipped_members import UNRESOLVED, Group, SkippedMember, SkippedMembers
from tests.stores import NOW, Event, MakeRoom, Step, question

DAY = timedelta(days=1)
SKIPPED = SkippedMembers()


def unresolved(member: str = "member-1", group: str = "Oak", *, code: str = UNRESOLVED) -> Step:
    text = f"We were unable to assign {member} as the members of {group}. It was not found."
    return Step("ReferenceResolution", text, {"ErrorCode": code})


OTHER = Step("EntryExportUpdate", "Group 'Oak' was updated.")
GROUP = Event(
    NOW - DAY,
    id="e1",
    source_id="group-1",
    source_name="Oak",
    source_type="Group",
    steps=(OTHER, unresolved()),
)


async def rows(room: MakeRoom, *events: Event) -> list[SkippedMember]:
    return await room(events).rows(SKIPPED, question(days=10, bin_name="1d"))


@pytest.mark.parametrize("index", range(5))
async def test_any_step_may_say_so(room: MakeRoom, index: int) -> None:
    steps = [OTHER] * 5
    steps[index] = unresolved()
    (row,) = await rows(room, replace(GROUP, steps=tuple(steps)))
    assert row == SkippedMember(
        Group("group-1", "Oak"), "member-1", UNRESOLVED, 1, NOW - DAY, NOW - DAY, "e1"
    )


async def test_two_members_of_one_event_are_two_rows(room: MakeRoom) -> None:
    found = await rows(room, replace(GROUP, steps=(unresolved("b"), OTHER, unresolved("a"))))
    assert [(row.member_id, row.attempts, row.event_id) for row in found] == [
        ("a", 1, "e1"),
        ("b", 1, "e1"),
    ]


async def test_member_said_twice_in_one_event_is_one_attempt(room: MakeRoom) -> None:
    (row,) = await rows(room, replace(GROUP, steps=(unresolved(), unresolved())))
    assert row.attempts == 1


async def test_member_retried_over_days_is_one_row(room: MakeRoom) -> None:
    events = [replace(GROUP, at=NOW - days * DAY, id=f"e{days}") for days in (1, 5, 3)]
    (row,) = await rows(room, *events)
    assert (row.attempts, row.first_seen, row.last_seen) == (3, NOW - 5 * DAY, NOW - DAY)
    assert row.event_id == "e1"


async def test_same_member_of_two_groups_and_two_jobs_is_apart(room: MakeRoom) -> None:
    others = [replace(GROUP, source_id="group-2"), replace(GROUP, job="job-b")]
    found = await rows(room, GROUP, *(replace(event, id="") for event in others))
    assert [row.attempts for row in found] == [1, 1, 1]


@pytest.mark.parametrize("name", ["v1.2 team", 'The "A" team', "It's", "A. B", "Gärtner 日本", ""])
async def test_group_is_named_as_its_source_is(room: MakeRoom, name: str) -> None:
    event = replace(GROUP, source_name=name, steps=(unresolved(group=name or "Oak"),))
    (row,) = await rows(room, event)
    assert row.group == Group("group-1", name or "Oak")


async def test_renamed_group_is_one_group_under_its_newest_name(room: MakeRoom) -> None:
    old = replace(GROUP, at=NOW - 3 * DAY, id="e0", source_name="Zelkova")
    (row,) = await rows(room, GROUP, old)
    assert (row.group, row.attempts) == (Group("group-1", "Oak"), 2)


async def test_without_a_source_group_the_text_names_it(room: MakeRoom) -> None:
    nobody = replace(GROUP, source_id="", source_name="", source_type="")
    user = replace(GROUP, id="e2", source_id="u", source_type="User", steps=(unresolved("m-2"),))
    found = await rows(room, nobody, user)
    assert {(row.group, row.member_id) for row in found} == {
        (Group("", "Oak"), "member-1"),
        (Group("", "Oak"), "m-2"),
    }


@pytest.mark.parametrize("name", ["v1.2 team", 'The "A" team', "It's", "of the members"])
async def test_names_in_the_text_are_read_to_their_end(room: MakeRoom, name: str) -> None:
    event = replace(GROUP, source_id="", source_name="", steps=(unresolved(group=name),))
    (row,) = await rows(room, event)
    assert row.group.name == name


@pytest.mark.parametrize(
    "step",
    [
        Step("EntryExportUpdate", "Renamed to 'We were unable to assign'."),
        Step("EntryExportUpdate", "We were unable to assign a licence."),
        Step("unable to assign x as the members of y", "Nothing to do."),
        Step("EntryExport", "", {"Note": "unable to assign x as the members of y."}),
    ],
    ids=lambda step: step.name,
)
async def test_the_words_in_other_places_are_not_taken_for_it(room: MakeRoom, step: Step) -> None:
    assert await rows(room, replace(GROUP, steps=(step,))) == []


async def test_reason_is_the_codes_of_the_step(room: MakeRoom) -> None:
    known = replace(GROUP, steps=(unresolved(code="UnableToFindManager"),))
    silent = replace(GROUP, id="e2", steps=(unresolved("member-2", code=""),))
    found = {row.member_id: row.reason for row in await rows(room, known, silent)}
    assert found == {"member-1": "UnableToFindManager", "member-2": UNRESOLVED}


async def test_last_seen_comes_first(room: MakeRoom) -> None:
    events = [
        replace(GROUP, at=NOW - days * DAY, id=f"e{days}", steps=(unresolved(f"member-{days}"),))
        for days in (3, 1, 2)
    ]
    assert [row.member_id for row in await rows(room, *events)] == [
        "member-1", "member-2", "member-3",
    ]  # fmt: skip


async def test_only_the_window_counts(room: MakeRoom) -> None:
    assert await rows(room, replace(GROUP, at=NOW - 11 * DAY)) == []
