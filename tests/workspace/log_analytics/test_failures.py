"""Whatever headers an answer brings, it becomes an error that says how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.workspace.errors import WorkspaceThrottled
from service.workspace.log_analytics.failures import Answered, http_date
from service.workspace.log_analytics.place import CLOUDS, Place

PUBLIC = CLOUDS["public"]
PLACE = Place(("garden",), PUBLIC.endpoint, PUBLIC.endpoint, PUBLIC.portal)

DATE_LIKE = st.from_regex(
    r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} \d{1,3}:\d{1,3}:\d{1,3} (GMT|[+-]\d{1,9})",
    fullmatch=True,
)


def throttled(retry_after: str) -> int:
    error = Answered(429, {"Retry-After": retry_after}, b"", PLACE, "").failure()
    assert isinstance(error, WorkspaceThrottled)
    assert f"for {error.retry_after} s" in str(error)
    return error.retry_after


@settings(deadline=None)
@given(st.text() | st.floats().map(str) | st.integers().map(str) | DATE_LIKE)
@example("Mon, 01 Jan 0001 00:00:00 +2300")
@example("Mon, 01 Jan 9999 00:00:00 -2300")
def test_any_time_to_wait_is_whole_seconds_within_an_hour(retry_after: str) -> None:
    assert 1 <= throttled(retry_after) <= 3600


@pytest.mark.parametrize("no_time", ["", "nan", "-NaN", "inf", "-inf", "-5", "1e999", "soon"])
def test_what_is_no_time_to_wait_is_as_if_it_were_not_there(no_time: str) -> None:
    assert throttled(no_time) == 30


@pytest.mark.parametrize(("said", "seconds"), [("0", 1), ("7", 7), ("2.5", 2), ("86400", 3600)])
def test_seconds_to_wait_are_kept_within_reason(said: str, seconds: int) -> None:
    assert throttled(said) == seconds


def test_a_date_to_wait_for_counts_from_now() -> None:
    soon = datetime.now(UTC) + timedelta(minutes=10)
    assert 590 <= throttled(format_datetime(soon, usegmt=True)) <= 600
    assert throttled("Wed, 18 Nov 2020 12:00:00 GMT") == 1


@settings(deadline=None)
@given(st.text() | DATE_LIKE)
def test_a_header_is_a_date_in_utc_or_none(text: str) -> None:
    date = http_date(text)
    assert date is None or date.utcoffset() == timedelta()
