from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.records.instants import instant_of, milliseconds_of
from service.records.problems import RecordError

NINE = datetime(2007, 1, 9, 9, 41)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("01/09/2007 09:41:00", NINE),
        ("1/9/2007 09:41:00", NINE),
        ("01/09/2007 09:41:00 AM", NINE),
        ("1/9/2007 9:41:00 AM", NINE),
        ("1/9/2007 9:41:00\u202fAM", NINE),
        ("1/9/2007 10:41:00 AM +01:00", NINE),
        ("1/9/2007, 9:41:00.535 AM", NINE.replace(microsecond=535_000)),
        ("1/9/2007 9:41 PM", NINE.replace(hour=21)),
        ("1/9/2007 12:00:00 AM", datetime(2007, 1, 9)),
        ("1/9/2007 12:00:00 PM", datetime(2007, 1, 9, 12)),
        ("2007-01-09T09:41:00", NINE),
        ("2007-01-09 09:41:00", NINE),
        ("2007-01-09 09:41:00 UTC", NINE),
        ("2007-01-09T09:41:00Z", NINE),
        ("2007-01-09T09:41:00.22Z", NINE.replace(microsecond=220_000)),
        ("2007-01-09T09:41:00.6816663Z", NINE.replace(microsecond=681_666)),
        ("2007-01-09T09:41:00.535404056Z", NINE.replace(microsecond=535_404)),
        ("2007-01-09T09:41:00.9999999Z", NINE.replace(microsecond=999_999)),
        ("2007-01-09T09:41:00.992099+00:00", NINE.replace(microsecond=992_099)),
        ("2007-01-09T11:41:00+02:00", NINE),
        ("/Date(1168335660000)/", NINE),
        ("/Date(1168335660000+0100)/", NINE),
        (None, None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_time_forms_of_exports(text: str | None, expected: datetime | None) -> None:
    assert instant_of(text) == expected


@pytest.mark.parametrize(
    "value",
    ["soon", "13/32/2007 09:41:00", "1/9/2007 13:00:00 PM", "2007-02-30T00:00:00Z", 7, ["x"],
     "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(RecordError):
        instant_of(value)


@given(
    instant=st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30)),
    offset=st.integers(-14 * 60, 14 * 60),
)
def test_zoned_iso_time_is_its_instant(instant: datetime, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    text = instant.replace(tzinfo=UTC).astimezone(zone).isoformat()
    assert instant_of(text) == instant


@settings(deadline=None)
@given(text=st.text() | st.from_regex(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d( [AP]M)?.{0,6}"))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        instant = instant_of(text)
    except RecordError:
        return
    assert instant is None or instant.tzinfo is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (828, 828),
        (828.9, 828),
        ("828", 828),
        (" 828.0 ", 828),
        ("00:00:01.5", 1500),
        ("1.02:03:04", 93_784_000),
        ("-00:00:01", -1000),
        ("PT1.5S", 1500),
        ("PT1M", 60_000),
        ("P1DT1H", 90_000_000),
        (None, None),
        ("", None),
        ("P", None),
        ("a while", None),
        ("nan", None),
        ("1e400", None),
        (float("inf"), None),
        (2**70, None),
        (True, None),
        ([1], None),
    ],
)
def test_duration_forms_of_exports(value: Any, expected: int | None) -> None:
    assert milliseconds_of(value) == expected


@settings(deadline=None)
@given(value=st.text() | st.integers() | st.floats())
def test_any_duration_fits_its_column(value: Any) -> None:
    found = milliseconds_of(value)
    assert found is None or abs(found) < 2**63
