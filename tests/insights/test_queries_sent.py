"""Every query that the service can send: Microsoft's analyser and the engine agree on it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from service.insights.catalogue import INSIGHTS
from service.insights.directory import directory_kql, read_directory
from service.insights.insight import Query
from service.insights.question import Filters, Question
from service.insights.window_counts import window_counts_query
from service.table import COLUMNS, TABLE, TableSchema
from service.times import BINS
from service.workspace.protocol import Result
from tests.analyser import Analyser
from tests.stores import EVER, NOW, PATIENT, Event, MakeRoom, Step, question

ALL = frozenset(COLUMNS)
SCHEMAS = {
    "both actions": ALL,
    "Action": ALL - {"ProvisioningAction"},
    "ProvisioningAction": ALL - {"Action"},
    "dropped columns": ALL
    - {"ProvisioningSteps", "ProvisioningStatusInfo", "ModifiedProperties", "SourceIdentity"},
    "hardly any": frozenset({"TimeGenerated", "Id", "JobId", "CycleId", "ChangeId", "ResultType"}),
}
FILTERS = {
    "actions": frozenset({"update"}),
    "results": frozenset({"failure", "skipped"}),
    "error_codes": frozenset({"timeout", 'a "quoted" code'}),
    "identity_types": frozenset({"group"}),
    "operations": frozenset({"referenceresolution"}),
}
UNRESOLVED = Step(
    "ReferenceResolution",
    "We were unable to assign member-1 as the members of Oak. It is not in scope.",
    {"ErrorCode": "UnableToResolveReferenceAttributeValue", "SkipReason": "NotEffectivelyEntitled"},
)
EVENTS = [
    Event(
        NOW,
        result=result,
        code="Timeout",
        source_type="Group",
        steps=(UNRESOLVED,),
    )
    for result in ("Failure", "Skipped")
]


def options_of(kind: Any) -> Iterator[Any]:
    """The options in every combination of their named choices."""
    choices = {
        name: [value for hint in (hints, *get_args(hints)) if get_origin(hint) is Literal
               for value in get_args(hint)]
        for name, hints in get_type_hints(kind).items()
    }  # fmt: skip
    named = {name: values for name, values in choices.items() if values}
    for values in itertools.product(*named.values()):
        yield dataclasses.replace(kind(), **dict(zip(named, values, strict=True)))


def asked(filters: dict[str, frozenset[str]]) -> Question:
    return dataclasses.replace(question(days=30, bin_name="1d"), filters=Filters(**filters))


def queries(schema: TableSchema, filters: dict[str, frozenset[str]]) -> dict[str, Query]:
    """All queries by a name that says where each comes from."""
    window = asked(filters)
    sent = {
        f"{name} {options} {index}": query
        for name, insight in INSIGHTS.items()
        for options in options_of(insight.options)
        for index, query in enumerate(insight.queries(window, options, schema))
    }
    sent["window counts"] = window_counts_query(NOW + BINS["5m"].width, schema)
    sent["directory"] = Query(directory_kql(EVER, schema), EVER, read_directory)
    return sent


def whole_number(kind: str) -> str:
    """Integers of both widths are the same to whoever reads them."""
    return "long" if kind == "int" else kind


class Read(dict[str, Any]):
    """A row that notes which of its columns are read."""

    read: set[str]

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


class Watched(Result):
    """A result whose rows share one note of what is read."""

    def records(self) -> Iterator[dict[str, Any]]:
        noted = self.__dict__.setdefault("noted", set())
        for record in super().records():
            row = Read(record)
            row.read = noted
            yield row


@pytest.mark.parametrize("columns", SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("filters", [{}, FILTERS], ids=["unfiltered", "filtered"])
async def test_analyser_and_engine_agree_on_columns_and_types(
    room: MakeRoom,
    analyser: Analyser,
    columns: frozenset[str],
    filters: dict[str, frozenset[str]],
) -> None:
    schema = TableSchema(columns)
    workspace = room(EVENTS, columns=columns).workspace
    tables = {TABLE: {name: kind for name, kind in COLUMNS.items() if name in columns}}
    for name, query in queries(schema, filters).items():
        analysis = analyser.check(query.kql.text, tables)
        assert not analysis.diagnostics, name
        result = await workspace.query(query.kql, query.span, deadline=PATIENT)
        types = {column.name: whole_number(column.type) for column in result.columns}
        expected = {name: whole_number(kind) for name, kind in analysis.columns.items()}
        assert types == expected, name


@pytest.mark.parametrize("one", FILTERS)
def test_each_filter_alone_is_sound(analyser: Analyser, one: str) -> None:
    for name, query in queries(TableSchema(), {one: FILTERS[one]}).items():
        assert not analyser.check(query.kql.text).diagnostics, name


@pytest.mark.parametrize("filters", [{}, FILTERS], ids=["unfiltered", "filtered"])
async def test_all_columns_that_come_are_read_and_no_others(
    room: MakeRoom, filters: dict[str, frozenset[str]]
) -> None:
    workspace = room(EVENTS).workspace
    for name, query in queries(TableSchema(), filters).items():
        result = await workspace.query(query.kql, query.span, deadline=PATIENT)
        watched = Watched(result.columns, result.rows, result.statistics)
        assert result.rows, name
        query.read(watched)
        assert watched.__dict__["noted"] == {column.name for column in result.columns}, name


def test_columns_are_the_same_whatever_the_workspace_lacks(analyser: Analyser) -> None:
    whole = {
        name: analyser.check(query.kql.text).columns
        for name, query in queries(TableSchema(), {}).items()
    }
    for columns in SCHEMAS.values():
        tables = {TABLE: {name: kind for name, kind in COLUMNS.items() if name in columns}}
        for name, query in queries(TableSchema(columns), {}).items():
            assert analyser.check(query.kql.text, tables).columns == whole[name], name


@pytest.mark.parametrize("bin_name", BINS)
def test_no_query_asks_for_bins_that_the_engines_cut_differently(bin_name: str) -> None:
    window = dataclasses.replace(question(days=30, bin_name=bin_name))
    for insight in INSIGHTS.values():
        for options in options_of(insight.options):
            for query in insight.queries(window, options, TableSchema()):
                assert "7d" not in query.kql.text
