"""Events are read as workspaces write them, and chosen by what a caller types."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.columns import events, missing_columns
from service.insights.failures import Failures
from service.insights.insight import Insight, span
from service.insights.jobs import Jobs
from service.insights.question import Question
from service.insights.skipped_members import SkippedMembers
from service.insights.spikes import SpikeOptions, Spikes
from service.kql.template import Template, pipe
from service.table import COLUMNS, TableSchema
from tests.kql.hostile import texts
from tests.stores import (
    NOW,
    PATIENT,
    Event,
    MakeRoom,
    Step,
    open_workspace,
    question,
    write_rows,
    write_store,
)

READ = ("Action", "Result", "ErrorCode", "Operation", "Source")
ALL = frozenset(COLUMNS)
EVENT = Event(NOW, source_id="u", source_name="U")
LATE = replace(question(), window=replace(question().window, end=NOW.replace(hour=13)))
"""A question whose window holds the event."""

_SHOWN = Template(
    "project Id, Action, Result, ErrorCode, Operation, SourceId, SourceName, IdentityType"
)


async def shown(path: Path, asked: Question, *, columns: frozenset[str] = ALL) -> list[Any]:
    """What the pipeline makes of the events that it chooses, by ID."""
    workspace = open_workspace(path, columns=columns)
    try:
        kql = pipe(events(asked, TableSchema(columns), READ), _SHOWN.fill())
        result = await workspace.query(kql, span(asked), deadline=PATIENT)
    finally:
        await workspace.close()
    return sorted(result.rows)


@pytest.mark.parametrize(
    ("columns", "values", "action"),
    [
        (ALL, {"Action": "Create", "ProvisioningAction": "create"}, "create"),
        (ALL, {"Action": "Create", "ProvisioningAction": ""}, "create"),
        (ALL, {"Action": "", "ProvisioningAction": "stagedDelete"}, "stageddelete"),
        (ALL, {"Action": "", "ProvisioningAction": "DISABLE"}, "disable"),
        (ALL, {"Action": "", "ProvisioningAction": ""}, "other"),
        (ALL, {"Action": "Frobnicate", "ProvisioningAction": ""}, "other"),
        (ALL - {"Action"}, {"ProvisioningAction": "Delete"}, "delete"),
        (ALL - {"ProvisioningAction"}, {"Action": "Delete"}, "delete"),
        (ALL - {"Action", "ProvisioningAction"}, {}, "other"),
    ],
)
async def test_action_is_found_in_either_column(
    tmp_path: Path, columns: frozenset[str], values: dict[str, object], action: str
) -> None:
    store = write_rows(tmp_path / "events.duckdb", EVENT, values)
    assert [row[1] for row in await shown(store, LATE, columns=columns)] == [action]


@pytest.mark.parametrize(
    ("columns", "values", "result"),
    [
        (
            ALL,
            {"ProvisioningStatusInfo": '{"Status": "failure"}', "ResultType": "Success"},
            "failure",
        ),
        (
            ALL,
            {"ProvisioningStatusInfo": '{"status": "Skipped"}', "ResultType": "Success"},
            "skipped",
        ),
        (ALL, {"ProvisioningStatusInfo": "{}", "ResultType": "Warning"}, "warning"),
        (ALL, {"ProvisioningStatusInfo": "", "ResultType": "Failure"}, "failure"),
        (ALL, {"ProvisioningStatusInfo": "no JSON", "ResultType": "Failure"}, "failure"),
        (ALL - {"ProvisioningStatusInfo"}, {"ResultType": "FAILURE"}, "failure"),
    ],
)
async def test_inner_status_is_right_where_there_is_one(
    tmp_path: Path, columns: frozenset[str], values: dict[str, object], result: str
) -> None:
    store = write_rows(tmp_path / "events.duckdb", EVENT, values)
    assert [row[2] for row in await shown(store, LATE, columns=columns)] == [result]


@pytest.mark.parametrize(
    ("steps", "operation"),
    [
        ('[{"name": "A"}, {"name": "B"}]', "B"),
        ('[{"name": "A"}]', "A"),
        ("[]", ""),
        ("", ""),
        ("no JSON", ""),
        ('[{"other": 1}]', ""),
        ('[{"name": "A"}, null]', ""),
    ],
)
async def test_operation_is_the_last_steps_name(tmp_path: Path, steps: str, operation: str) -> None:
    store = write_rows(tmp_path / "events.duckdb", EVENT, {"ProvisioningSteps": steps})
    assert [row[4] for row in await shown(store, LATE)] == [operation]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"Id": "1", "Name": "N", "identityType": "Group"}', ("1", "N", "Group")),
        ('{"id": "1", "displayName": "N", "identityType": "User"}', ("1", "N", "User")),
        ('{"Id": "", "id": "2"}', ("2", "", "")),
        ("{}", ("", "", "")),
        ("", ("", "", "")),
        ("no JSON", ("", "", "")),
    ],
)
async def test_source_is_read_in_either_spelling(
    tmp_path: Path, source: str, expected: tuple[str, str, str]
) -> None:
    store = write_rows(tmp_path / "events.duckdb", EVENT, {"SourceIdentity": source})
    assert [row[5:] for row in await shown(store, LATE)] == [expected]


typed = texts.filter(lambda text: "İ" not in text)
"""Filters are folded to lower case, which for this letter alone makes two of one."""

FILTERS: dict[str, tuple[Callable[[str], dict[str, Any]], int]] = {
    "error_codes": (lambda value: {"code": value}, 3),
    "identity_types": (lambda value: {"source_type": value}, 7),
    "operations": (lambda value: {"steps": (Step(value),)}, 4),
}


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(sorted(FILTERS)),
    st.lists(typed, min_size=1, max_size=6, unique=True),
    st.data(),
)
async def test_filter_chooses_exactly_the_events_that_match(
    name: str, values: list[str], data: st.DataObject
) -> None:
    to_event, column = FILTERS[name]
    given_events = [
        replace(EVENT, id=f"e{number}", **to_event(value)) for number, value in enumerate(values)
    ]
    wanted = data.draw(st.sets(st.sampled_from(values) | typed, min_size=1, max_size=4))
    folded = {value.lower() for value in wanted}
    asked = replace(LATE, filters=replace(LATE.filters, **{name: frozenset(folded)}))
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder, "events.duckdb"), given_events)
        everything, chosen = await shown(store, LATE), await shown(store, asked)
    # What the workspace holds is the truth: importers may read a code such as "none" as no code.
    assert chosen == [row for row in everything if row[column].lower() in folded]


@pytest.mark.parametrize(
    "chosen",
    [
        {"actions": {"create"}},
        {"results": {"failure"}},
        {"error_codes": {"timeout"}},
        {"identity_types": {"group"}},
        {"operations": {"entryexportadd"}},
        {"actions": {"create"}, "results": {"failure"}, "error_codes": {"timeout", "nothing"}},
    ],
    ids=lambda chosen: " ".join(chosen),
)
async def test_filters_ignore_case_and_are_and_ed(tmp_path: Path, chosen: dict[str, Any]) -> None:
    meant = replace(
        EVENT,
        id="meant",
        action="Create",
        result="Failure",
        code="TimeOut",
        source_type="GROUP",
        steps=(Step("EntryExportAdd"),),
    )
    store = write_store(tmp_path / "events.duckdb", [replace(EVENT, id="other"), meant])
    asked = replace(LATE, filters=question(**chosen).filters)
    assert [row[0] for row in await shown(store, asked)] == ["meant"]
    nothing = replace(LATE, filters=question(**chosen | {"error_codes": {"never"}}).filters)
    assert await shown(store, nothing) == []


@pytest.mark.parametrize(
    ("insight", "options", "filters", "lacks", "said"),
    [
        (Failures(), None, {}, "SourceIdentity", True),
        (Failures(), None, {}, "ResultSignature", True),
        (Failures(), None, {}, "ResultDescription", True),
        (Failures(), None, {}, "ModifiedProperties", False),
        (Failures(), None, {"operations": {"x"}}, "ProvisioningSteps", True),
        (Failures(), None, {}, "ProvisioningSteps", False),
        (Failures(), None, {}, "ProvisioningStatusInfo", False),
        (Jobs(), None, {}, "SourceIdentity", False),
        (SkippedMembers(), None, {}, "ProvisioningSteps", True),
        (SkippedMembers(), None, {}, "SourceIdentity", True),
        (Spikes(), SpikeOptions(), {}, "ProvisioningSteps", True),
        (Spikes(), SpikeOptions(of="result"), {}, "ProvisioningSteps", False),
    ],
    ids=lambda value: getattr(value, "name", None),
)
async def test_answer_without_a_column_is_given_and_says_what_it_lacks(
    room: MakeRoom,
    insight: Insight[Any, Any],
    options: Any,
    filters: dict[str, Any],
    lacks: str,
    said: bool,
) -> None:
    asked = room([replace(EVENT, at=NOW.replace(hour=1))], columns=ALL - {lacks})
    freshness = (await asked.answer(insight, question(**filters), options)).freshness
    assert freshness.complete is not said
    assert freshness.reason == (f"the workspace lacks the columns {lacks}" if said else None)


def test_either_action_column_is_enough() -> None:
    for there in ({"Action"}, {"ProvisioningAction"}):
        schema = TableSchema(ALL - {"Action", "ProvisioningAction"} | there)
        assert missing_columns(question(), schema, ["Action"]) == []
    neither = TableSchema(ALL - {"Action", "ProvisioningAction"})
    assert missing_columns(question(), neither, ["Action"]) == ["ProvisioningAction"]
