from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.charts.axes import bin_label, count_ticks, short_count, time_ticks, window_label
from service.times import BINS, Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def labels(first: datetime, last: datetime, width: timedelta, most: int = 9) -> list[str]:
    return [f"{tick.label} {tick.context}".strip() for tick in time_ticks(first, last, width, most)]


@given(highest=st.integers(0, 2**66), most=st.integers(3, 8))
def test_counts_reach_the_highest_in_few_round_equal_steps(highest: int, most: int) -> None:
    ticks = count_ticks(highest, most)
    step = ticks[1]
    assert ticks == [index * step for index in range(len(ticks))]
    assert ticks[-1] >= highest > ticks[-2] or ticks == [0, 1]
    assert len(ticks) <= most + 1
    assert str(step).rstrip("0") in {"1", "2", "5"}


def test_counts_of_nothing_still_make_an_axis() -> None:
    assert count_ticks(0) == [0, 1]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_200_000, "1.2M"),
        (3_000_000_000, "3B"),
        (2**63 - 1, "9.2e18"),
    ],
)
def test_big_counts_are_shortened(number: int, text: str) -> None:
    assert short_count(number) == text


def test_hours_carry_their_day_where_it_changes() -> None:
    assert labels(NOON - 23 * HOUR, NOON, HOUR) == [
        "15:00 21 Nov",
        "18:00",
        "21:00",
        "00:00 22 Nov",
        "03:00",
        "06:00",
        "09:00",
        "12:00",
    ]


def test_days_carry_their_weekday() -> None:
    midnight = NOON.replace(hour=0)
    assert labels(midnight - 3 * DAY, midnight, DAY) == [
        "19 Nov Thu",
        "20 Nov Fri",
        "21 Nov Sat",
        "22 Nov Sun",
    ]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    midnight = NOON.replace(hour=0)
    assert labels(midnight - 29 * DAY, midnight, DAY) == ["26 Oct 2026", "2 Nov", "9 Nov", "16 Nov"]
    assert labels(midnight - 300 * DAY, midnight, 7 * DAY, most=6) == [
        "Mar 2026",
        "May",
        "Jul",
        "Sep",
        "Nov",
    ]
    assert labels(midnight - 4000 * DAY, midnight, 7 * DAY, most=4) == ["2020", "2025"]


def test_one_bin_is_named_by_its_start() -> None:
    start = NOON + timedelta(minutes=5)
    assert labels(start, start, timedelta(minutes=5)) == ["12:05 22 Nov"]


def test_a_window_between_round_times_is_named_by_its_start() -> None:
    start = NOON + timedelta(minutes=7)
    assert labels(start, start + timedelta(minutes=1), timedelta(minutes=1)) == ["12:07 22 Nov"]


def test_other_zones_are_shown_in_utc() -> None:
    start = datetime.fromisoformat("2026-11-22T01:00:00+05:00")
    assert labels(start, start, HOUR) == ["20:00 21 Nov"]
    assert bin_label(start, HOUR) == "21 Nov 20:00"
    assert window_label(start, start, HOUR) == "21 Nov 2026 20:00 to 21:00 UTC"


@settings(deadline=None)
@given(
    first=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    name=st.sampled_from(sorted(BINS)),
    bins=st.integers(1, 2000),
    most=st.integers(2, 20),
)
def test_ticks_are_few_rising_and_inside_whatever_the_window(
    first: datetime, name: str, bins: int, most: int
) -> None:
    first = BINS[name].floor(first)
    starts = Window(first, first + bins * BINS[name].width, BINS[name]).starts()
    ticks = time_ticks(starts[0], starts[-1], BINS[name].width, most)
    instants = [tick.at for tick in ticks]
    assert 1 <= len(ticks) <= most
    assert instants == sorted(set(instants))
    assert starts[0] <= instants[0]
    assert instants[-1] <= starts[-1]
    assert all(tick.label for tick in ticks)


@pytest.mark.parametrize(
    ("first", "last", "width", "text"),
    [
        (NOON, NOON, timedelta(minutes=5), "22 Nov 2026 12:00 to 12:05 UTC"),
        (NOON - DAY, NOON, HOUR, "21 Nov 2026 12:00 to 22 Nov 2026 13:00 UTC"),
        (NOON.replace(hour=0), NOON.replace(hour=0), DAY, "22 Nov 2026, UTC"),
        (datetime(2026, 11, 16, tzinfo=UTC),) * 2 + (7 * DAY, "16 Nov to 22 Nov 2026, UTC"),
        (
            datetime(2025, 12, 30, tzinfo=UTC),
            datetime(2026, 1, 2, tzinfo=UTC),
            DAY,
            "30 Dec 2025 to 2 Jan 2026, UTC",
        ),
    ],
)
def test_the_window_is_told_with_the_end_of_its_last_bin(
    first: datetime, last: datetime, width: timedelta, text: str
) -> None:
    assert window_label(first, last, width) == text
