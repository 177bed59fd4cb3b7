"""Instants, durations and bins."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.times import (
    BINS,
    Bin,
    Window,
    format_duration,
    format_instant,
    parse_duration,
    parse_instant,
    rest,
    steady,
)

_OFFSETS = st.integers(-14 * 60, 14 * 60)
zones: st.SearchStrategy[tzinfo] = _OFFSETS.map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
instants = st.datetimes(datetime(2, 1, 1), datetime(9990, 1, 1)).flatmap(
    lambda local: zones.map(lambda zone: local.replace(tzinfo=zone))
)
bins = st.sampled_from(sorted(BINS.values(), key=lambda each: each.width))


@given(instants)
def test_instant_is_read_back_as_it_was_written(instant: datetime) -> None:
    text = format_instant(instant)
    assert text.endswith("Z")
    assert parse_instant(text) == instant
    assert format_instant(parse_instant(text)) == text


@given(instants)
def test_instant_in_any_zone_is_read_as_utc(instant: datetime) -> None:
    read = parse_instant(instant.isoformat())
    assert read == instant
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T13:00:00Z", datetime(2026, 11, 21, 13, tzinfo=UTC)),
        ("2026-11-21t13:00:00z", datetime(2026, 11, 21, 13, tzinfo=UTC)),
        ("2026-11-21 13:00:00+02:00", datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("2026-11-21T13:00:00.5Z", datetime(2026, 11, 21, 13, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-21T13:00:00.123456789Z", datetime(2026, 11, 21, 13, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T00:00:00-00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_forms_of_rfc_3339_are_read(text: str, expected: datetime) -> None:
    assert parse_instant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T13:00:00",
        "2026-11-21T13:00Z",
        "2026-11-21T13:00:00+0200",
        "2026-11-21T13:00:00.Z",
        "2026-11-21T13:00:00.1234567890Z",
        " 2026-11-21T13:00:00Z",
        "2026-11-21T13:00:00Z\n",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:01Z",
        "2026-11-21T13:00:60Z",
        "2026-11-21T13:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\u0662\u0660\u0662\u0666-11-21T13:00:00Z",
        "20261121T130000Z",
    ],
)
def test_other_forms_are_refused_and_say_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected .* such as 2026-11-21T13:00:00Z$"):
        parse_instant(text)


@given(st.text())
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    for parse in (parse_instant, parse_duration):
        said = "expected"
        try:
            parse(text)
        except ValueError as error:
            said = str(error)
        assert said.startswith("expected")


@given(st.integers(1, 99_999 * 86_400))
def test_duration_is_read_back_as_it_was_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", timedelta(minutes=5)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("999999d", timedelta(days=999_999)),
        ("PT1H", timedelta(hours=1)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT90M", timedelta(minutes=90)),
    ],
)
def test_both_forms_of_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "0m", "05m", "-5m", "5 m", "5M", "1.5h", "5s", "7w", "P", "PT", "P1M", "P1Y",
     "PT0S", "PT1.5H", "P1W2D", "P1D2H", "pt1h", "1000000m", "\u0665m", "5m\n"],
)  # fmt: skip
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(microseconds=999_999), "PT0S"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(days=1), "P1D"),
        (timedelta(days=1, seconds=1), "P1DT1S"),
        (-timedelta(hours=25), "-P1DT1H"),
    ],
)
def test_durations_are_written_as_iso_8601(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(bins, instants)
def test_bin_holds_its_instant_and_is_aligned(width: Bin, instant: datetime) -> None:
    start = width.floor(instant)
    assert start <= instant < start + width.width
    assert (start - datetime(1, 1, 1, tzinfo=UTC)) % width.width == timedelta(0)


@given(bins, instants)
def test_floor_and_ceiling_enclose_the_instant(width: Bin, instant: datetime) -> None:
    start, end = width.floor(instant), width.ceil(instant)
    assert width.floor(start) == width.ceil(start) == start
    assert width.floor(end) == width.ceil(end) == end
    assert end - start == (timedelta(0) if start == instant else width.width)


@given(bins, instants, instants)
def test_floor_and_ceiling_keep_the_order(width: Bin, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))
    assert width.floor(earlier) <= width.floor(later)
    assert width.ceil(earlier) <= width.ceil(later)


@given(st.sampled_from(["1d", "7d"]), instants)
def test_days_begin_at_midnight_utc_and_weeks_on_monday(name: str, instant: datetime) -> None:
    start = BINS[name].floor(instant).astimezone(UTC)
    assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    if name == "7d":
        assert start.weekday() == 0


@given(bins, instants, st.integers(0, 50))
def test_window_is_cut_into_whole_bins(width: Bin, instant: datetime, count: int) -> None:
    start = width.floor(instant)
    window = Window(start, start + count * width.width, width)
    starts = window.starts()
    assert window.bins == len(starts) == count
    assert [width.floor(each) for each in starts] == starts
    assert all(window.start <= each < window.end for each in starts)


def test_steady_clock_passes_as_real_seconds_do() -> None:
    began, earlier = time.perf_counter(), steady()
    time.sleep(0.01)
    passed = steady() - earlier
    assert 0 < passed <= time.perf_counter() - began


@given(st.floats(0.001, 10_000), st.lists(st.sampled_from([0.0, 0.5, 1.0, 28_800.0]), max_size=30))
async def test_rest_ends_when_its_time_has_passed_however_long_the_machine_slept(
    seconds: float, slept: list[float]
) -> None:
    now, naps, asleep = 50.0, [], iter(slept)

    async def nap(length: float) -> None:
        nonlocal now
        naps.append(length)
        now += length + next(asleep, 0.0)

    await rest(seconds, clock=lambda: now, sleep=nap)
    assert now >= 50.0 + seconds - 1e-6
    assert all(0 < length <= 5 for length in naps)
    assert sum(naps) <= seconds + 1e-6
    assert 50.0 + seconds > now - naps[-1] - max(slept, default=0) - 1e-6
