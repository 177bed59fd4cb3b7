"""A table as the API writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.envelope import Table, datetime_text, encoded, timespan_text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2015, 12, 31, 23, 59, 59, 900_000, UTC), "2015-12-31T23:59:59.9Z"),
        (datetime(2000, 1, 2, 3, 4, 5, tzinfo=UTC), "2000-01-02T03:04:05Z"),
        (datetime(2000, 1, 2, 3, 4, 50, 10, UTC), "2000-01-02T03:04:50.00001Z"),
    ],
)
def test_datetime_has_no_zeros_at_its_end(at: datetime, text: str) -> None:
    assert datetime_text(at) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=10), "00:00:10"),
        (timedelta(days=1, hours=2, seconds=4.5), "1.02:00:04.5000000"),
        (-timedelta(minutes=1), "-00:01:00"),
    ],
)
def test_timespan_is_written_as_kusto_writes_it(span: timedelta, text: str) -> None:
    assert timespan_text(span) == text


@settings(deadline=None)
@given(st.timedeltas())
def test_timespan_can_be_read_back(span: timedelta) -> None:
    found = re.fullmatch(r"(-?)(?:(\d+)\.)?(\d\d):(\d\d):(\d\d)(?:\.(\d{7}))?", timespan_text(span))
    assert found is not None
    days, hours, minutes, seconds, ticks = (int(part or 0) for part in found.groups()[1:])
    read = timedelta(days, seconds, ticks // 10, hours=hours, minutes=minutes)
    assert (-read if found[1] else read) == span


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False, allow_infinity=False))))
def test_texts_and_numbers_come_through_unchanged(rows: list[tuple[str, float]]) -> None:
    table = Table([("s", "string"), ("r", "real")], rows)
    assert orjson.loads(encoded(table))["tables"][0]["rows"] == [list(row) for row in rows]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_every_row_is_there_once_and_in_order(count: int) -> None:
    table = Table([("n", "long")], [(number,) for number in range(count)])
    rows = orjson.loads(encoded(table))["tables"][0]["rows"]
    assert rows == [[number] for number in range(count)]


def test_text_in_a_column_of_another_type_goes_out_as_it_is() -> None:
    # Kusto counts time to 100 ns, which Python's datetime can't hold.
    table = Table([("t", "datetime")], [("2026-11-18T12:00:00.1234567Z",)])
    assert orjson.loads(encoded(table))["tables"][0]["rows"] == [["2026-11-18T12:00:00.1234567Z"]]
