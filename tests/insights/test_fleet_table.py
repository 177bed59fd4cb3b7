"""A table by column: the same rows, in order, with their jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.catalogue import INSIGHTS
from service.insights.directory import App, Directory, Job
from service.insights.fleet_table import FleetTable
from service.insights.insight import Context, FromActivity, Insight, Query
from service.insights.question import Filters
from service.table import KqlType, TableSchema
from service.workspace.protocol import Column, Result, Statistics
from tests.stores import NOW, question

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[KqlType, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "datetime": st.datetimes(
        datetime(1900, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.just(UTC),
    ),
    "dynamic": JSON,
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(allow_nan=False),
    "string": TEXT,
    "timespan": st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
}
JOBS = {name: Job(name, App("", name.title()), "", "", NOW, NOW) for name in ("oak", "elm", "ash")}


def result(columns: dict[str, KqlType], rows: list[tuple[Any, ...]]) -> Result:
    made = tuple(Column(name, kind) for name, kind in columns.items())
    return Result(made, rows, Statistics(timedelta(), len(rows)))


def context(**filters: frozenset[str]) -> Context:
    asked = question()
    return Context(
        type(asked)(asked.window, asked.now, Filters(**filters), asked.job_id), Directory(JOBS)
    )


@settings(deadline=None)
@given(st.lists(st.tuples(*(st.none() | values for values in VALUES.values())), max_size=20))
def test_values_of_every_type_come_back_as_they_were(rows: list[tuple[Any, ...]]) -> None:
    columns: dict[str, KqlType] = {kind: kind for kind in VALUES}
    table = FleetTable.read(result(columns, rows))
    assert [tuple(record.values()) for record in table.records(0, len(table))] == rows


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), TEXT), max_size=30))
def test_rows_are_in_the_order_of_their_columns(rows: list[tuple[int, str]]) -> None:
    table = FleetTable.read(result({"n": "long", "s": "string"}, list(rows)), ("-n", "s"))
    expected = sorted(rows, key=lambda row: (-row[0], row[1]))
    assert [tuple(record.values()) for record in table.records(0, len(rows))] == expected


def test_more_rows_than_are_read_at_once_are_all_there() -> None:
    rows = [(number, str(number)) for number in range(2501)]
    table = FleetTable.read(result({"n": "long", "s": "string"}, rows))
    assert len(table) == 2501
    assert [record["n"] for record in table.records(998, 1002)] == [998, 999, 1000, 1001]
    assert table.total("n") == sum(range(2501))


def test_decimal_is_read_as_a_real_number() -> None:
    table = FleetTable.read(result({"r": "real"}, [(Decimal("1.5"),)]))
    assert table.records(0, 1) == [{"r": 1.5}]


def test_result_without_rows_is_a_table_without_rows() -> None:
    table = FleetTable.read(result({"JobId": "string", "n": "long"}, []), ("-n",))
    assert list(table.chosen(context()).rows(context(), dict)) == []
    assert table.total("n") == 0


def test_only_rows_of_the_chosen_jobs_stay_and_know_their_job() -> None:
    rows = [("oak", 1), ("elm", 2), ("oak", 3), ("gone", 4)]
    table = FleetTable.read(result({"JobId": "string", "n": "long"}, rows))
    oaks = context(jobs=frozenset({"oak"}))
    chosen = table.chosen(oaks).rows(oaks, lambda record: record["n"])
    assert list(chosen) == [(JOBS["oak"], 1), (JOBS["oak"], 3)]
    everything = table.rows(context(), lambda record: record["n"])
    assert everything[1:] == [(JOBS["elm"], 2), (JOBS["oak"], 3), (None, 4)]
    assert everything[-1] == (None, 4)
    with pytest.raises(IndexError):
        everything[4]


def test_rows_without_a_job_column_have_none() -> None:
    table = FleetTable.read(result({"n": "long"}, [(7,)]))
    assert list(table.rows(context(), lambda record: record["n"], None)) == [(None, 7)]


@pytest.mark.parametrize("order", [(), ("-n", "JobId")])
def test_result_without_even_columns_is_a_table_without_rows(order: tuple[str, ...]) -> None:
    table = FleetTable.read(result({}, []), order)
    chosen = table.chosen(context(jobs=frozenset({"oak"})))
    assert (len(chosen), chosen.total("n"), chosen.records(0, 9)) == (0, 0, [])
    assert list(chosen.rows(context(), dict)) == []


@pytest.mark.parametrize("insight", INSIGHTS.values(), ids=INSIGHTS)
def test_every_insight_answers_from_a_workspace_without_any_data(
    insight: Insight[Any, Any],
) -> None:
    asked, options = question(), insight.options()
    sources = insight.queries(asked, options, TableSchema())
    if all(isinstance(source, Query) for source in sources):
        read = [source.read(result({}, [])) for source in sources if isinstance(source, Query)]
        answer = insight.answer(Context(asked, Directory({})), options, *read)
        assert list(answer) == []
    else:
        assert all(isinstance(source, FromActivity) for source in sources)
