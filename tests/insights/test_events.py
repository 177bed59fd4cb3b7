"""What happened, event by event?"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.events import EventOptions, Events, IdentityEvents, OneEvent, Place
from service.insights.question import Question
from service.records.importing import add_lines
from service.records.store import Store
from service.workspace.embedded import EmbeddedWorkspace
from tests.kql.hostile import texts
from tests.stores import NOW, Event, MakeRoom, Room, Step, open_workspace, question, write_rows

HOUR = timedelta(hours=1)
EVENTS = Events()
ASKED = question(days=1, bin_name="1h")


@dataclass(frozen=True)
class Told(Event):
    """An event that also says who its objects are."""

    upn: str = ""
    upn_key: str = "UserPrincipalName"
    target_id: str = ""
    target_name: str = ""
    target_upn: str = ""

    def record(self, number: int) -> dict[str, Any]:
        record = super().record(number)
        properties = record["properties"]
        properties["sourceIdentity"]["details"] = {self.upn_key: self.upn}
        properties["targetIdentity"] = {
            "Id": self.target_id,
            "Name": self.target_name,
            "identityType": "User",
            "details": {self.upn_key: self.target_upn},
        }
        return record


EVENT = Told(NOW - HOUR, source_id="s", source_name="S")


async def found(room: Room, asked: Question = ASKED, **options: Any) -> list[str]:
    return [row.id for row in await room.rows(EVENTS, asked, EventOptions(**options))]


async def pages(
    room: Room,
    asked: Question,
    limit: int,
    between: Callable[[], None] = lambda: None,
    **options: Any,
) -> list[Any]:
    """All events, page by page; `between` happens between two pages."""
    rows: list[Any] = []
    position = None
    while True:
        chosen = EVENTS.begin(EventOptions(**options), position, limit)
        answered = await room.answer(EVENTS, asked, chosen)
        shown, position = EVENTS.page(answered.rows, chosen, position, limit)
        assert len(shown) == limit or position is None
        rows += [row for _, row in shown]
        if position is None:
            return rows
        between()


@asynccontextmanager
async def growing(events: Sequence[Event]) -> AsyncIterator[tuple[Room, Callable[[Event], None]]]:
    """A room over a store that goes on to grow, and what adds an event."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.duckdb")
        store = Store.create_or_open(path, lambda: NOW)
        room = Room(EmbeddedWorkspace(duckdb.connect(str(path)), now=lambda: NOW), lambda: NOW)
        number = 0

        def add(event: Event) -> None:
            nonlocal number
            number += 1
            add_lines([orjson.dumps(event.record(number)) + b"\n"], store)

        for event in events:
            add(event)
        yield room, add
        await room.close()
        store.close()


async def test_newest_come_first_and_equal_times_by_id(room: MakeRoom) -> None:
    told = [("c", 2), ("a", 1), ("d", 1), ("b", 1), ("e", 3)]
    events = [replace(EVENT, id=name, at=NOW - hours * HOUR) for name, hours in told]
    assert await found(room(events)) == ["a", "b", "d", "c", "e"]


async def test_an_event_shows_what_the_log_says(room: MakeRoom) -> None:
    event = replace(
        EVENT,
        id="e1",
        action="Create",
        result="Failure",
        code="Timeout",
        reason="No answer.",
        upn="s@x.example",
        target_id="t",
        target_name="T",
        steps=(Step("EntryImport", "Read.", {"k": "v"}),),
    )
    answered = await room([event]).answer(EVENTS, ASKED, EventOptions())
    ((job, row),) = answered.rows
    assert (job.job_id, job.app.name, job.target_system) == ("job-a", "Garden", "customappsso")
    assert (row.id, row.time, row.job_id, row.cycle_id) == ("e1", event.at, "job-a", "cycle-a")
    assert (row.action, row.result, row.error_code) == ("create", "failure", "Timeout")
    assert (row.description, row.duration_ms) == ("No answer.", 100)
    assert (row.source.id, row.source.name, row.source.type) == ("s", "S", "User")
    assert row.source.details == {"UserPrincipalName": "s@x.example"}
    assert (row.target.id, row.target.name) == ("t", "T")
    assert (row.service_principal.id, row.service_principal.name) == ("app-a", "Garden")
    (step,) = row.steps
    assert (step.name, step.type, step.description) == ("EntryImport", "import", "Read.")


@pytest.mark.parametrize("key", ["UserPrincipalName", "userPrincipalName"])
@pytest.mark.parametrize("field", ["source_id", "source_name", "upn", "target_id", "target_name",
                                   "target_upn"])  # fmt: skip
async def test_q_finds_ids_upns_and_names_of_source_and_target(
    room: MakeRoom, field: str, key: str
) -> None:
    told: dict[str, Any] = {field: "Éva.Fern@x.example", "upn_key": key}
    events = [replace(EVENT, id="meant", **told), replace(EVENT, id="other", job="éva.fern")]
    asked = room(events)
    for q in ("éva", "ÉVA.FERN@X", "fern@x.example", "Éva.Fern@x.example"):
        assert await found(asked, q=q) == ["meant"], q
    assert await found(asked, q="fernx") == []
    assert set(await found(asked, q="")) == {"meant", "other"}


@settings(deadline=None, max_examples=12)
@given(st.lists(texts, min_size=1, max_size=4), st.data())
async def test_any_text_finds_what_holds_it_and_nothing_else(
    names: list[str], data: st.DataObject
) -> None:
    q = data.draw(st.sampled_from(names) | texts)
    async with growing(
        [replace(EVENT, id=f"e{index}", source_name=name) for index, name in enumerate(names)]
    ) as (room, _):
        held = {row.id: row for row in await room.rows(EVENTS, ASKED, EventOptions())}
        ids = await found(room, q=q)
    expected = {
        name for name, row in held.items() if q.lower() in row.source.name.lower() or q in "sS"
    }
    # Folding case makes two letters of `İ`; what is the same without folding must be found.
    exact = {name for name, row in held.items() if q in row.source.name or q in "sS"}
    assert exact <= set(ids)
    if q.isascii() and all(name.isascii() for name in names):
        assert set(ids) == expected


async def test_filters_by_application_and_job_choose(room: MakeRoom) -> None:
    events = [
        replace(EVENT, id="a", job="Job-A", app="Oak"),
        replace(EVENT, id="b", job="job-b", app="Garden ÉX"),
        replace(EVENT, id="c", job="job-c", app="garden Éx", result="Failure"),
    ]
    asked = room(events)
    window: dict[str, Any] = {"days": 1, "bin_name": "1h"}
    assert await found(asked, question(**window, jobs={"job-a"})) == ["a"]
    assert await found(asked, question(**window, apps={"garden éx"})) == ["b", "c"]
    assert await found(asked, question(**window, apps={"garden éx"}, jobs={"job-b"})) == ["b"]
    assert await found(asked, question(**window, apps={"oak"}, jobs={"job-b"})) == []
    assert await found(asked, question(**window, job="job-c")) == ["c"]
    assert await found(asked, question(**window, results={"failure"})) == ["c"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_neither_repeat_nor_skip_events_of_equal_times(
    room: MakeRoom, limit: int
) -> None:
    events = [
        replace(EVENT, id=f"e{number:02}", at=NOW - (number // 5 + 1) * HOUR)
        for number in range(17)
    ]
    shuffled = random.Random(1).sample(events, len(events))
    rows = await pages(room(shuffled), ASKED, limit)
    assert [row.id for row in rows] == [event.id for event in events]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_hold_each_event_without_an_id_once(tmp_path: Path, limit: int) -> None:
    same: list[dict[str, object]] = [
        {"Id": "", "ChangeId": "change-1", "ProvisioningSteps": f'[{{"name": "Step {number}"}}]'}
        for number in range(4)
    ]
    others: list[dict[str, object]] = [{"Id": name, "ChangeId": "x"} for name in ("a", "d", "e")]
    path = write_rows(tmp_path / "events.duckdb", EVENT, *same, *others)
    room = Room(open_workspace(path), lambda: NOW)
    rows = await pages(room, ASKED, limit)
    assert [row.id for row in rows] == ["a", *["change-1"] * 4, "d", "e"]
    assert [row.steps[0].name for row in rows[1:5]] == [f"Step {number}" for number in range(4)]
    await room.close()


@pytest.mark.parametrize("limit", [1, 3])
async def test_events_that_arrive_between_pages_move_no_page(limit: int) -> None:
    events = [
        replace(EVENT, id=f"e{number}", at=NOW - (number // 2 + 1) * HOUR) for number in range(8)
    ]
    async with growing(events) as (room, add):
        arrived = iter(range(100))

        def arrive() -> None:
            number = next(arrived)
            add(replace(EVENT, id=f"a-new-{number}", at=NOW - HOUR / 2))
            add(replace(EVENT, id=f"a-late-{number}", at=NOW - 2 * HOUR))

        rows = [row.id for row in await pages(room, ASKED, limit, arrive)]
    assert [name for name in rows if name.startswith("e")] == [event.id for event in events]
    assert len(set(rows)) == len(rows)


async def test_place_survives_its_text() -> None:
    for key in ("e1", "", "two\nlines", "7\n", "é😀"):
        place = Place(NOW - timedelta(microseconds=1), key, 3)
        assert Place.parse(str(place)) == place


async def test_one_objects_events_are_those_of_its_exact_id_in_all_jobs(room: MakeRoom) -> None:
    events = [
        replace(EVENT, id="a", source_id="user-1"),
        replace(EVENT, id="b", source_id="user-1", job="job-b", at=NOW - 25 * HOUR),
        replace(EVENT, id="c", source_id="user-10"),
        replace(EVENT, id="d", source_id="USER-1"),
        replace(EVENT, id="e", source_id="u", target_id="user-1"),
    ]
    rows = await room(events).rows(
        IdentityEvents(), question(days=30, bin_name="1d"), EventOptions(source_id="user-1")
    )
    assert [row.id for row in rows] == ["a", "b"]


async def test_an_event_is_found_by_its_id_and_one_without_by_its_change(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "events.duckdb",
        EVENT,
        {"Id": "e1", "ChangeId": "c1"},
        {"Id": "", "ChangeId": "c2"},
    )
    room = Room(open_workspace(path), lambda: NOW)
    ever = question(days=1000, bin_name="1d")
    for asked, changes in (("e1", ["c1"]), ("c2", ["c2"]), ("c1", []), ("E1", []), ('"', [])):
        rows = await room.rows(OneEvent(), ever, EventOptions(event_id=asked, rows=1))
        assert [row.change_id for row in rows] == changes
    await room.close()


async def test_event_newer_than_the_directory_names_its_own_application() -> None:
    async with growing([EVENT]) as (room, add):
        await room.load()
        add(replace(EVENT, id="new", job="job-new", app_id="app-new", app="Orchard"))
        answered = await room.answer(EVENTS, ASKED, EventOptions())
    apps = {job.job_id: (job.app.id, job.app.name) for job, _ in answered.rows}
    assert apps == {"job-a": ("app-a", "Garden"), "job-new": ("app-new", "Orchard")}
