"""Each pack that comes with the service, on stores whose answer is known by construction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.insights.catalogue import INSIGHTS
from service.insights.packs.checking import check_pack, empty_workspace
from service.insights.packs.loading import SHIPPED, load_packs, pack_files
from service.insights.packs.pack import Pack, PackOptions
from service.insights.packs.reading import read_pack
from service.table import COLUMNS
from tests.analyser import Analyser
from tests.insights.packs.rooms import Change, PackEvent, ask, open_room
from tests.stores import NOW, Event, Room, question

PACKS = load_packs([SHIPPED])
DAY = timedelta(days=1)
TODAY = NOW - timedelta(hours=2)

MakeRoom = Callable[[Iterable[Event]], Room]


@pytest.fixture(params=[False, True], ids=["usual-keys", "other-keys"])
async def room(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[MakeRoom]:
    """Makes a room of events, once with each spelling of the keys inside JSON."""
    async with AsyncExitStack() as stack:

        def make(events: Iterable[Event]) -> Room:
            made = open_room(tmp_path / "events.duckdb", events, other_case=request.param)
            stack.push_async_callback(made.workspace.close)
            return made

        yield make


async def rows(room: Room, name: str, **given: Any) -> list[Any]:
    return await ask(room, PACKS.packs[name], question(), given)


def test_all_six_load() -> None:
    assert PACKS.refused == ()
    assert set(PACKS.packs) == {
        "privileged-groups",
        "new-target-systems",
        "bulk-attribute-changes",
        "dormant-accounts",
        "cycle-outliers",
        "creates-without-attribute",
    }
    assert not set(PACKS.packs) & set(INSIGHTS)


@pytest.mark.parametrize("path", pack_files(SHIPPED), ids=lambda path: path.stem)
async def test_embedded_workspace_runs_it_as_declared(path: Path) -> None:
    async with empty_workspace() as workspace:
        assert await check_pack(read_pack(path), workspace, None) == []


@pytest.mark.parametrize("path", pack_files(SHIPPED), ids=lambda path: path.stem)
def test_analyser_agrees_with_what_it_declares(path: Path, analyser: Analyser) -> None:
    pack = read_pack(path).pack
    analysis = analyser.check(pack.query.sample().text)
    assert analysis.diagnostics == ()
    assert analysis.columns == {column.name: column.type for column in pack.model.columns}


@pytest.mark.parametrize("pack", PACKS.packs.values(), ids=lambda pack: pack.name)
def test_documentation_covers_every_shipped_pack(pack: Pack) -> None:
    text = Path(__file__).parents[3].joinpath("docs", "packs.md").read_text("utf-8")
    assert f"`{pack.name}`" in text
    assert pack.model.description
    assert all(column.description for column in pack.model.columns)


async def test_privileged_group_is_found_by_its_name_on_either_side(room: MakeRoom) -> None:
    def group(at: datetime, name: str, **more: Any) -> PackEvent:
        return PackEvent(at, source_id=f"id-{name}", source_name=name, source_type="Group", **more)

    made = room(
        [
            group(TODAY, "Domain Admins", changes=(("members", None, "x"),)),
            group(TODAY + timedelta(minutes=1), "Domain Admins", action="Delete"),
            group(TODAY, "Staff", target_id="t-1", target_name="TIER-0 hosts", target_type="Group"),
            group(TODAY, "Gardeners"),
            group(TODAY, "Failed admins", result="Failure"),
            group(TODAY - 3 * DAY, "Old admins"),
            PackEvent(TODAY, source_id="u", source_name="An Administrator", source_type="User"),
        ]
    )
    found = await rows(made, "privileged-groups")
    assert [
        (row.group_id, row.group_name, row.events, row.members_changed, row.deleted)
        for row in found
    ] == [("id-Domain Admins", "Domain Admins", 2, 1, 1), ("t-1", "TIER-0 hosts", 1, 0, 0)]
    assert [row.last_seen for row in found] == [TODAY + timedelta(minutes=1), TODAY]
    (own,) = await rows(made, "privileged-groups", groups="^garden")
    assert own.group_name == "Gardeners"


async def test_target_system_is_new_only_without_events_in_the_14_days_before(
    room: MakeRoom,
) -> None:
    made = room(
        [
            PackEvent(TODAY, system_id="new", system="Fresh", action="Create"),
            PackEvent(TODAY + timedelta(minutes=5), system_id="new", system="Fresh", job="job-b"),
            PackEvent(TODAY, system_id="known"),
            PackEvent(NOW - 10 * DAY, system_id="known", job="job-b"),
            PackEvent(TODAY, system_id="forgotten"),
            PackEvent(NOW - 20 * DAY, system_id="forgotten"),
            PackEvent(TODAY, system_id="", system=""),
        ]
    )
    found = await rows(made, "new-target-systems")
    assert [(row.job_id, row.system_id, row.events, row.created) for row in found] == [
        ("job-a", "forgotten", 1, 0),
        ("job-a", "new", 1, 1),
        ("job-b", "new", 1, 0),
    ]
    assert await rows(made, "new-target-systems", min_events=2) == []


async def test_without_earlier_events_no_target_system_counts_as_new(room: MakeRoom) -> None:
    assert await rows(room([PackEvent(TODAY)]), "new-target-systems") == []


async def test_bulk_change_counts_distinct_objects_of_one_cycle(room: MakeRoom) -> None:
    def update(user: int, change: Change, **more: Any) -> PackEvent:
        at = TODAY + timedelta(seconds=user)
        return PackEvent(at, source_id=f"user-{user}", changes=(change,), **more)

    made = room(
        [
            *(update(user, ("department", "A", None if user < 2 else "B")) for user in range(5)),
            update(0, ("department", "A", "C"), id="again"),
            *(update(user, ("title", "A", "B")) for user in range(4)),
            *(update(user, ("title", "A", "B"), cycle="cycle-b") for user in range(4, 8)),
            *(update(user, ("mail", "A", '"A"'), cycle="same") for user in range(9)),
            *(
                update(user, ("mail", "A", "B"), cycle="failed", result="Failure")
                for user in range(9)
            ),
            *(update(user, ("mail", "A", "B"), cycle="new", action="Create") for user in range(9)),
        ]
    )
    found = await rows(made, "bulk-attribute-changes", min_objects=5)
    assert [(row.cycle_id, row.attribute, row.objects, row.cleared) for row in found] == [
        ("cycle-a", "department", 5, 2)
    ]
    assert (found[0].first_seen, found[0].last_seen) == (TODAY, TODAY + timedelta(seconds=4))
    assert await rows(made, "bulk-attribute-changes") == []


async def test_account_enabled_after_silence_is_found(room: MakeRoom) -> None:
    def account(name: str, at: datetime, *changes: Change, **more: Any) -> PackEvent:
        return PackEvent(at, source_id=name, source_name=name.title(), changes=changes, **more)

    enabled: Change = ("accountEnabled", '"False"', '"True"')
    made = room(
        [
            account("slept", NOW - 20 * DAY, ("active", "True", "False"), action="Disable"),
            account("slept", NOW - 5 * DAY, result="Skipped"),
            account("slept", TODAY, ("active", "False", "True")),
            account("slept", TODAY + timedelta(minutes=1), ("title", "A", "B")),
            account("unseen", TODAY, enabled),
            account("forgotten", NOW - 40 * DAY),
            account("forgotten", TODAY, ("IsSoftDeleted", "True", "False")),
            account("busy", NOW - 2 * DAY),
            account("busy", TODAY, enabled),
            account("disabled", TODAY, ("active", "True", "False")),
            account("failed", TODAY, enabled, result="Failure"),
            account("earlier", NOW - 3 * DAY, enabled),
        ]
    )
    found = await rows(made, "dormant-accounts")
    assert [
        (row.account_id, row.account_name, row.enabled_at, row.last_before) for row in found
    ] == [
        ("forgotten", "Forgotten", TODAY, None),
        ("slept", "Slept", TODAY, NOW - 20 * DAY),
        ("unseen", "Unseen", TODAY, None),
    ]
    assert len(await rows(made, "dormant-accounts", quiet_for="1d")) == 4


async def test_cycle_stands_out_against_the_median_of_its_own_job(room: MakeRoom) -> None:
    def cycle(name: str, start: datetime, minutes: int, job: str = "job-a") -> list[Event]:
        ends = (start, start + timedelta(minutes=minutes))
        return [PackEvent(at, cycle=name, job=job) for at in ends]

    before = NOW - 9 * DAY
    made = room(
        [
            *(
                event
                for number in range(11)
                for event in (
                    *cycle(f"a-{number}", before + number * timedelta(hours=12), 5 + number % 3),
                    *cycle(f"b-{number}", before + number * timedelta(hours=12), 60, "job-b"),
                )
            ),
            *cycle("long", TODAY, 30),
            *cycle("usual", TODAY, 6),
            *cycle("b-usual", TODAY, 65, "job-b"),
            *cycle("unknown", TODAY, 90, "job-c"),
        ]
    )
    (found,) = await rows(made, "cycle-outliers")
    assert (found.job_id, found.cycle_id, found.events, found.compared_with) == (
        "job-a",
        "long",
        2,
        11,
    )
    assert (found.started, found.ended) == (TODAY, TODAY + timedelta(minutes=30))
    assert (found.duration, found.usual) == (timedelta(minutes=30), timedelta(minutes=6))
    assert await rows(made, "cycle-outliers", times=6.0) == []
    assert await rows(made, "cycle-outliers", min_duration="31m") == []


async def test_create_without_a_value_for_the_attribute_is_found(room: MakeRoom) -> None:
    def created(name: str, *changes: Change, action: str = "Create", **more: Any) -> PackEvent:
        return PackEvent(
            TODAY, id=name, source_id=f"id-{name}", action=action, changes=changes, **more
        )

    named: Change = ("userName", None, "x")
    made = room(
        [
            created("complete", named, ("Department", None, "Garden")),
            created("urn", named, ("urn:example:User:department", None, "Garden")),
            created("empty", named, ("department", "Old", '""')),
            created("lacking", named, ("departmentNumber", None, "7")),
            created("silent"),
            created("group", named, source_type="Group"),
            created("failed", named, result="Failure"),
            created("updated", named, action="Update"),
        ]
    )
    found = await rows(made, "creates-without-attribute")
    assert [(row.event_id, row.object_id, row.attributes) for row in found] == [
        ("empty", "id-empty", 2),
        ("lacking", "id-lacking", 2),
    ]
    assert await rows(made, "creates-without-attribute", attribute="USERNAME") == []


@pytest.mark.parametrize("pack", PACKS.packs.values(), ids=lambda pack: pack.name)
async def test_dropped_columns_leave_an_answer_that_says_what_is_missing(
    pack: Pack, tmp_path: Path
) -> None:
    dropped = {
        "ModifiedProperties",
        "TargetSystem",
        "Action",
        "ProvisioningAction",
        "SourceIdentity",
    }
    made = open_room(tmp_path / "events.duckdb", [PackEvent(TODAY)], columns=set(COLUMNS) - dropped)
    try:
        options = PackOptions(pack.values({}))
        answered = await made.answer(pack, question(), options)
        assert list(answered.rows) == []
        assert answered.freshness.complete == (pack.name == "cycle-outliers")
    finally:
        await made.workspace.close()
