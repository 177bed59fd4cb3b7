"""How many events end with each operation over time?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from service.insights.operations import Operations
from tests.stores import NOW, Event, MakeRoom, Step, question

HOUR = timedelta(hours=1)
EVENT = Event(NOW - HOUR, steps=(Step("EntryImport"), Step("EntryExportUpdate")))
OPERATIONS = Operations()


async def test_the_last_step_names_the_operation_and_without_steps_it_is_empty(
    room: MakeRoom,
) -> None:
    events = [
        *[EVENT] * 3,
        replace(EVENT, at=NOW - 5 * HOUR),
        *[replace(EVENT, steps=(Step("EntryExportUpdate"), Step("EntryImport")))] * 2,
        replace(EVENT, steps=()),
    ]
    rows = await room(events).rows(OPERATIONS, question(days=1, bin_name="1h"))
    assert [(row.operation, row.label, row.total) for row in rows] == [
        ("EntryExportUpdate", "EntryExportUpdate", 4),
        ("EntryImport", "EntryImport", 2),
        ("", "(no steps)", 1),
    ]
    asked = question(days=1, bin_name="1h").window
    assert [[point.at for point in row.points] for row in rows] == [asked.starts()] * 3
    assert {point.at: point.events for point in rows[0].points if point.events} == {
        NOW - HOUR: 3,
        NOW - 5 * HOUR: 1,
    }


async def test_operations_differ_by_case_and_filters_do_not(room: MakeRoom) -> None:
    events = [replace(EVENT, steps=(Step(name),)) for name in ("Export", "export", "Import")]
    rows = await room(events).rows(OPERATIONS, question(operations={"export"}))
    assert {(row.operation, row.total) for row in rows} == {("Export", 1), ("export", 1)}
