from datetime import UTC, datetime, timedelta
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.records.demo.rhythm import HOUR, WEEKS, hour_of_week, hours_covered, ticks

instants = st.datetimes(
    min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)
)


@given(instants)
@settings(deadline=None)
def test_hours_of_the_week_begin_on_monday(instant: datetime) -> None:
    assert hour_of_week(ticks(instant)) == instant.weekday() * 24 + instant.hour


@given(instants, st.timedeltas(min_value=timedelta(), max_value=timedelta(days=40)))
@settings(deadline=None)
def test_hours_covered_add_up_to_the_time_between(start: datetime, length: timedelta) -> None:
    covered = hours_covered(ticks(start), ticks(start + length))
    assert fsum(covered) == pytest.approx(length / timedelta(hours=1), abs=1e-6)


def test_a_part_of_an_hour_counts_for_that_hour_alone() -> None:
    monday = ticks(datetime(2026, 11, 16, tzinfo=UTC))
    covered = hours_covered(monday + HOUR // 2, monday + 2 * HOUR + HOUR // 4)
    assert covered[:4] == [0.5, 1.0, 0.25, 0.0]
    assert not any(covered[4:])


def test_every_rhythm_has_a_weight_for_each_hour_of_a_week() -> None:
    assert {len(week) for week in WEEKS.values()} == {168}
    assert all(min(week) >= 0 < max(week) for week in WEEKS.values())
