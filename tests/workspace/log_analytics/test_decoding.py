"""Bodies of the query API to rows: whatever is in them, and however they come in."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.workspace.errors import AnswerUnreadable
from service.workspace.log_analytics.decoding import Decoded, Decoder
from service.workspace.protocol import Column
from tests.simulator.envelope import Table, encoded
from tests.simulator.faults import too_many_rows

NASTY = st.text(st.sampled_from('[],"\\ :{}aé\u2028'), max_size=12) | st.text(max_size=12)
ROWS = st.lists(st.tuples(NASTY, st.integers(-(2**63), 2**63 - 1), NASTY | st.none()), max_size=30)
COLUMNS = (("a", "string"), ("b", "long"), ("c", "string"))


def decoded(body: bytes, *, piece: int = 1 << 20, slice_bytes: int = 1 << 17) -> Decoded:
    decoder = Decoder(slice_bytes)
    for first in range(0, len(body), piece):
        decoder.feed(body[first : first + piece])
    return decoder.finish()


@settings(deadline=None)
@given(ROWS, st.integers(1, 200), st.integers(1, 200), st.sampled_from([None, 1]))
def test_rows_are_the_same_however_they_are_cut(
    rows: list[tuple[Any, ...]], piece: int, slice_bytes: int, indent: int | None
) -> None:
    answer = orjson.loads(encoded(Table(COLUMNS, rows), error=too_many_rows(9)))
    body = json.dumps(answer, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    found = decoded(body, piece=piece, slice_bytes=slice_bytes)
    assert found.rows == rows
    assert found.columns == (Column("a", "string"), Column("b", "long"), Column("c", "string"))
    assert found.error["code"] == "PartialError"


@settings(deadline=None)
@given(ROWS, st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_a_body_that_ends_early_is_never_taken_for_whole(
    rows: list[tuple[Any, ...]], slice_bytes: int, share: float
) -> None:
    body = encoded(Table(COLUMNS, rows), statistics={"query": {"executionTime": 0.5}})
    with pytest.raises(AnswerUnreadable):
        decoded(body[: int(len(body) * share)], slice_bytes=slice_bytes)


def test_a_text_of_nothing_but_row_ends_is_one_value() -> None:
    row = ("],[" * 50_000, 1, '"],["' * 100)
    assert decoded(encoded(Table(COLUMNS, [row] * 3))).rows == [row] * 3


def test_arrays_within_rows_are_not_taken_for_rows() -> None:
    body = b'{"tables":[{"name":"T","columns":[{"name":"d","type":"dynamic"}],"rows":[%b]}]}'
    rows = b",".join([b"[[[1],[2]]]"] * 100)
    assert decoded(body % rows, slice_bytes=9).rows == [([[1], [2]],)] * 100


def test_the_order_of_keys_is_free() -> None:
    table = {"rows": [["x"]], "columns": [{"name": "a", "type": "string"}], "name": "T"}
    answer = {"statistics": {"query": {"executionTime": 1.5}}, "tables": [table]}
    found = decoded(orjson.dumps(answer))
    assert (found.rows, found.elapsed) == ([("x",)], timedelta(seconds=1.5))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b'{"tables":[]}',
        b'{"tables":[{"columns":[{"name":"a","type":"long"}],"rows":[[1,2]]}]}',
        b'{"tables":[{"columns":[{"name":"a","type":"datetime"}],"rows":[["yesterday"]]}]}',
        b'{"tables":[{"columns":[{"name":"a","type":"timespan"}],"rows":[["soon"]]}]}',
    ],
)
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable, match="not an answer of its query API"):
        decoded(body)


TIMESPANS = st.timedeltas(timedelta(days=-10_675_199), timedelta(days=10_675_199))
DATETIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
).filter(lambda value: not isinstance(value, str))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans() | st.none(),
            DATETIMES | st.none(),
            JSON_VALUES,
            st.floats(allow_nan=False) | st.none(),
            TIMESPANS | st.none(),
            st.uuids().map(str) | st.none(),
        ),
        max_size=5,
    )
)
def test_values_come_back_as_they_were(rows: Sequence[tuple[Any, ...]]) -> None:
    kinds = ("bool", "datetime", "dynamic", "real", "timespan", "guid")
    table = Table([(kind, kind) for kind in kinds], rows)
    assert decoded(encoded(table)).rows == rows


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("datetime", "2015-12-31T23:59:59.9Z", datetime(2015, 12, 31, 23, 59, 59, 900_000, UTC)),
        ("datetime", "9999-12-31T23:59:59.9999999Z", datetime.max.replace(tzinfo=UTC)),
        ("datetime", "2000-01-02T03:04:05Z", datetime(2000, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("timespan", "00:00:10", timedelta(seconds=10)),
        ("timespan", "1.02:03:04.5000000", timedelta(1, 4, 500_000, 0, 3, 2)),
        ("timespan", "-00:00:00.0000019", -timedelta(microseconds=1)),
        ("timespan", "-10675199.02:48:05.4775808", -timedelta(10_675_199, 5, 477_580, 0, 48, 2)),
        ("decimal", "0.10101", 0.10101),
        ("decimal", Decimal("12345678901234567890.5"), 12345678901234567890.5),
        ("real", "NaN", None),
        ("real", "Infinity", math.inf),
        ("real", "-Infinity", -math.inf),
        ("real", 100, 100.0),
        ("guid", UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("dynamic", '{"hello":"world"}', {"hello": "world"}),
        ("dynamic", "plain text", "plain text"),
        ("dynamic", "", None),
        ("dynamic", "null", None),
        ("long", 2**63 - 1, 2**63 - 1),
        ("int", -1, -1),
        ("string", "2000-01-02T03:04:05Z", "2000-01-02T03:04:05Z"),
        ("anything new", "text", "text"),
    ],
)
def test_each_type_is_restored(kind: str, sent: Any, expected: Any) -> None:
    [(value, nothing)] = decoded(encoded(Table([("a", kind), ("b", kind)], [(sent, None)]))).rows
    assert value == expected
    assert type(value) is type(expected)
    assert nothing is None
