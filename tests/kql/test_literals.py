"""Whatever goes into a literal comes out of both engines as the same value."""

from __future__ import annotations

import enum
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kql.literals import LiteralKind, literal, string_value
from tests.analyser import Analyser
from tests.kql.hostile import Engine, texts

_LONGS = st.integers(-(2**63), 2**63 - 1)
_INSTANTS = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
_TIMESPANS = st.timedeltas(timedelta(days=-10_675_199), timedelta(days=10_675_199))
_JSON = st.recursive(
    st.none() | st.booleans() | _LONGS | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(value=texts)
def test_any_text_comes_back_from_the_engine(engine: Engine, value: str) -> None:
    assert engine.value(f"print v = {literal(value, 'string')}") == value


@settings(deadline=None)
@given(value=texts)
def test_any_text_is_found_by_equality(engine: Engine, value: str) -> None:
    text = literal(value, "string")
    assert engine.value(f"datatable(a: string)[{text}] | where a == {text} | count") == 1


@settings(deadline=None)
@given(values=st.lists(texts, max_size=5), other=texts)
def test_a_list_holds_its_members_and_nothing_else(
    engine: Engine, values: list[str], other: str
) -> None:
    listed = literal(values, "strings")
    for value in [*values, other]:
        rows = f"datatable(a: string)[{literal(value, 'string')}]"
        assert engine.value(f"{rows} | where a in {listed} | count") == (value in values)
        assert engine.value(f"{rows} | where a !in {listed} | count") == (value not in values)


@settings(deadline=None)
@given(values=st.lists(texts, max_size=20))
def test_microsofts_parser_reads_the_same_strings(analyser: Analyser, values: list[str]) -> None:
    listed = literal(values, "strings")
    analysis = analyser.check(f'print a = "x" | where a in {listed}')
    assert analysis.diagnostics == ()
    assert list(analysis.strings) == ["x", *values]


@settings(deadline=None)
@given(value=texts)
def test_a_string_literal_is_read_back_as_its_value(value: str) -> None:
    assert string_value(literal(value, "string")) == value


@settings(deadline=None)
@given(value=_LONGS)
def test_any_long_comes_back(engine: Engine, value: int) -> None:
    assert engine.value(f"print v = {literal(value, 'long')}") == value


@settings(deadline=None)
@given(value=st.floats())
def test_any_real_comes_back(engine: Engine, value: float) -> None:
    read = engine.value(f"print v = {literal(value, 'real')}")
    assert isinstance(read, float)
    assert read == value or (math.isnan(read) and math.isnan(value))


@settings(deadline=None)
@given(value=_INSTANTS)
def test_any_instant_comes_back(engine: Engine, value: datetime) -> None:
    assert engine.value(f"print v = {literal(value, 'datetime')}").replace(tzinfo=UTC) == value


@settings(deadline=None)
@given(value=_TIMESPANS)
def test_any_timespan_comes_back(engine: Engine, value: timedelta) -> None:
    assert engine.value(f"print v = {literal(value, 'timespan')}") == value


@settings(deadline=None)
@given(values=st.lists(_LONGS, max_size=5), other=_LONGS)
def test_a_list_of_longs_holds_its_members(engine: Engine, values: list[int], other: int) -> None:
    for value in [*values, other]:
        query = (
            f"print a = {literal(value, 'long')} | where a in {literal(values, 'longs')} | count"
        )
        assert engine.value(query) == (value in values)


@settings(deadline=None)
@given(value=_JSON)
def test_anything_that_json_holds_comes_back(engine: Engine, value: object) -> None:
    read = engine.value(f"print v = {literal([value], 'dynamic')}")
    assert json.loads(read) == [value]


@settings(deadline=None)
@given(
    instant=_INSTANTS, timespan=_TIMESPANS, long=_LONGS, real=st.floats(), flag=st.booleans(),
    data=_JSON,
)  # fmt: skip
def test_microsofts_parser_infers_the_kind(
    analyser: Analyser,
    instant: datetime,
    timespan: timedelta,
    long: int,
    real: float,
    flag: bool,
    data: object,
) -> None:
    analysis = analyser.check(
        f"print a = {literal(instant, 'datetime')}, b = {literal(timespan, 'timespan')}, "
        f"c = {literal(long, 'long')}, d = {literal(real, 'real')}, e = {literal(flag, 'bool')}, "
        f"f = {literal(data, 'dynamic')}"
    )
    assert analysis.diagnostics == ()
    assert list(analysis.columns.values()) == [
        "datetime", "timespan", "long", "real", "bool", "dynamic",
    ]  # fmt: skip


@pytest.mark.parametrize("flag", [True, False])
def test_a_bool_comes_back(engine: Engine, flag: bool) -> None:
    assert engine.value(f"print v = {literal(flag, 'bool')}") is flag


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("plain — text", "string", '"plain — text"'),
        ('a"b\\c\n', "string", '"a\\"b\\\\c\\n"'),
        ("\x00\u202e", "string", '"\\u0000\\u202e"'),
        (datetime(2026, 11, 21, 13, tzinfo=UTC), "datetime", "datetime(2026-11-21T13:00:00Z)"),
        (timedelta(days=7), "timespan", "7d"),
        (timedelta(minutes=90), "timespan", "90m"),
        (timedelta(0), "timespan", "timespan(0.00:00:00)"),
        (timedelta(milliseconds=-1500), "timespan", "timespan(-0.00:00:01.500000)"),
        (5, "long", "5"),
        (-5, "long", "long(-5)"),
        (2, "real", "real(2.0)"),
        (["a", "b"], "strings", '("a", "b")'),
        (frozenset({"b", "a"}), "strings", '("a", "b")'),
        ((), "strings", "(dynamic([]))"),
        ({"a": [1, None]}, "dynamic", 'dynamic({"a": [1, null]})'),
    ],
)
def test_a_literal_reads_as_a_person_would_write_it(
    value: object, kind: LiteralKind, text: str
) -> None:
    assert literal(value, kind) == text


def test_an_enumeration_is_written_as_its_value() -> None:
    class Colour(str, enum.Enum):  # noqa: UP042 - prints as its name, which is the point
        RED = "red"

    assert literal(Colour.RED, "string") == '"red"'


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "string"),
        (b"bytes", "string"),
        (5, "string"),
        ("text", "strings"),
        ([1], "strings"),
        ({"a": "b"}, "strings"),
        ([True], "longs"),
        (True, "long"),
        (1.0, "long"),
        ("1", "long"),
        (False, "real"),
        ("nan", "real"),
        (1, "bool"),
        ("2026-11-21T13:00:00Z", "datetime"),
        (7, "timespan"),
        ({1: 2}, "dynamic"),
        ({1, 2}, "dynamic"),
    ],
)
def test_a_value_of_another_type_is_refused(value: object, kind: LiteralKind) -> None:
    with pytest.raises(TypeError, match="expected"):
        literal(value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("\ud800", "string"),
        (["fine", "\udfff"], "strings"),
        (datetime(2026, 11, 21), "datetime"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "datetime"),
        (timedelta.max, "timespan"),
        (2**63, "long"),
        (-(2**63) - 1, "long"),
        (10**400, "real"),
        (math.nan, "dynamic"),
        ([math.inf], "dynamic"),
        ({"a": 2**63}, "dynamic"),
    ],
)
def test_a_value_that_the_kind_cannot_hold_is_refused(value: object, kind: LiteralKind) -> None:
    with pytest.raises(ValueError, match="expected"):
        literal(value, kind)
