"""A result: its rows by name, and how it lets go of them."""

from __future__ import annotations

from datetime import timedelta

from service.workspace.protocol import Column, Result, Statistics


def result(rows: int) -> Result:
    columns = (Column("Id", "string"), Column("Number", "long"))
    values = [(f"e{number}", number) for number in range(rows)]
    return Result(columns, values, Statistics(timedelta(0), rows))


def test_rows_are_read_by_name() -> None:
    assert list(result(2).records()) == [{"Id": "e0", "Number": 0}, {"Id": "e1", "Number": 1}]


def test_released_result_has_no_rows() -> None:
    for rows in (0, 1, 1000, 2500):
        read = result(rows)
        read.release()
        assert read.rows == []
        assert read.statistics.rows == rows
