"""What stands out in counts over time, and what does not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.detection import Detection, detect
from service.insights.seasons import MIN_HISTORY

Counts = npt.NDArray[np.int64]

MONDAY = datetime(2026, 10, 19, tzinfo=UTC)
MINUTE, HOUR, DAY, WEEK = (
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=7),
)


def every(width: timedelta, bins: int) -> list[datetime]:
    return [MONDAY + index * width for index in range(bins)]


def days(counts: Counts, **options: float) -> Detection:
    return detect(np.atleast_2d(counts), every(DAY, counts.shape[-1]), **options)  # type: ignore[arg-type]


def hours(counts: Counts) -> Detection:
    return detect(np.atleast_2d(counts), every(HOUR, counts.shape[-1]))


def poisson(rate: npt.NDArray[np.float64] | float, shape: tuple[int, ...], seed: int = 0) -> Counts:
    return np.random.default_rng(seed).poisson(rate, shape)


def steady(level: int = 100, bins: int = 30) -> Counts:
    """Counts that go a little up and down around the level."""
    return level + np.resize(np.array([0, 7, -6, 3, -9, 5, -2, 9, -4, 1, -7]), bins)


def test_a_spike_and_a_drop_are_found_with_their_directions() -> None:
    counts = steady()
    counts[11], counts[20] = 300, 10
    found = days(counts)
    assert found.direction[0].nonzero()[0].tolist() == [11, 20]
    assert (found.direction[0, 11], found.direction[0, 20]) == (1, -1)
    assert found.score[0, 11] > 3.0 > -3.0 > found.score[0, 20]
    assert found.expected[0, 11] == pytest.approx(100, rel=0.1)


def test_a_spike_does_not_hide_itself_however_large() -> None:
    counts = steady()
    counts[11] = 300
    modest = days(counts)
    counts[11] = 1_000_000
    huge = days(counts)
    assert huge.expected[0, 11] == pytest.approx(modest.expected[0, 11], rel=0.05)
    assert huge.upper[0, 11] == pytest.approx(modest.upper[0, 11], rel=0.1)


def test_two_spikes_do_not_hide_each_other() -> None:
    counts = steady()
    counts[[11, 18]] = 500
    assert days(counts).direction[0].nonzero()[0].tolist() == [11, 18]


def test_five_times_the_usual_is_found_and_little_else() -> None:
    random = np.random.default_rng(1)
    levels = random.uniform(10, 300, (300, 1))
    rates = levels * np.ones(30)
    rows, place = np.arange(300), random.integers(0, 30, 300)
    rates[rows, place] *= 5
    up = days(random.poisson(rates)).direction == 1
    assert up[rows, place].mean() >= 0.95
    assert up[rows, place].sum() / up.sum() >= 0.95


def test_spread_is_never_below_chance() -> None:
    found = days(np.full(30, 25))
    root = 2 * np.sqrt(25 + 0.375)
    assert (found.upper >= ((root + 3) / 2) ** 2 - 0.375 - 1e-9).all()


def test_a_weekday_rhythm_is_no_news() -> None:
    week = np.array([120, 100, 100, 90, 80, 0, 0])
    found = days(poisson(np.resize(week, 30), (50, 30)))
    assert found.spike.mean() < 0.003
    weekend = np.resize(week, 30) == 0
    assert found.expected[:, weekend].max() < 5


def test_work_on_a_sunday_is_a_spike_where_sundays_are_quiet() -> None:
    counts = poisson(np.resize([120, 100, 100, 90, 80, 0, 0], 30), (1, 30))
    counts[0, 13] = 100
    assert days(counts).direction[0].nonzero()[0].tolist() == [13]


def test_a_weekly_batch_is_no_spike() -> None:
    assert not days(poisson(np.resize([0, 0, 0, 60, 0, 0, 0], 30), (50, 30))).spike.any()


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_trend_is_no_spike(factor: float) -> None:
    trend = 150 * factor ** (np.arange(30) / 30 - 0.5)
    assert days(poisson(trend, (100, 30))).spike.mean() < 0.003


def test_a_new_level_is_usual_after_a_while() -> None:
    level = np.where(np.arange(30) < 15, 50, 150)
    found = days(poisson(level, (50, 30)))
    assert not found.spike[:, 22:].any()
    assert found.expected[:, 25:].mean() > 90


def test_days_after_a_holiday_are_no_spikes() -> None:
    rate = np.full(30, 80.0)
    rate[8:14] = 1
    found = days(poisson(rate, (100, 30)))
    assert (found.direction[:, 14:] == 1).mean() < 0.003


def test_hours_follow_the_day_and_the_weekend() -> None:
    hour = np.arange(24 * 14)
    rate = np.where((hour // 24 % 7 < 5) & (hour % 24 >= 8) & (hour % 24 < 18), 60, 2)
    found = hours(poisson(rate, (20, len(rate))))
    assert found.spike.mean() < 0.003
    busy = poisson(rate, (1, len(rate)))
    busy[0, 24 * 9 + 2] = 40
    assert hours(busy).direction[0, 24 * 9 + 2] == 1


def test_a_weekend_without_events_does_not_make_the_other_one_a_spike() -> None:
    hour = np.arange(24 * 14)
    rate = np.where(hour // 24 % 7 < 5, 60, 20)
    rate[24 * 5 : 24 * 7] = 0
    assert (hours(poisson(rate, (20, len(rate)))).direction == 1).mean() < 0.003


def test_a_quiet_weekday_does_not_hide_its_spike_by_hour() -> None:
    hour = np.arange(24 * 14)
    weight = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.1, 0.1])[hour // 24 % 7]
    rate = 200 * weight * (0.1 + np.exp(-((hour % 24 - 12) ** 2) / 18))
    counts = poisson(rate, (20, len(rate)))
    assert hours(counts).spike.mean() < 0.003
    friday_noon = 24 * 4 + 12
    counts[:, friday_noon] *= 2
    assert (hours(counts).direction[:, friday_noon] == 1).all()


def test_usual_batches_of_a_sparse_series_are_no_spikes_but_a_large_one_is() -> None:
    counts = np.zeros(30, np.int64)
    counts[[2, 6, 13, 17, 26]] = [6, 5, 8, 4, 7]
    assert not days(counts).spike.any()
    counts[21] = 60
    assert days(counts).direction[0].nonzero()[0].tolist() == [21]


def test_an_empty_series_has_nothing_to_say_of() -> None:
    found = days(np.zeros(30, np.int64))
    assert not found.spike.any()
    assert (found.expected == 0).all()
    assert (found.score == 0).all()


def test_min_events_keeps_tiny_counts_quiet() -> None:
    counts = np.zeros(30, np.int64)
    counts[12] = 14
    assert days(counts).spike.any()
    assert not days(counts, min_events=15).spike.any()


def test_a_higher_sensitivity_threshold_finds_less() -> None:
    counts = steady()
    counts[[5, 11, 23]] = [170, 250, 600]
    found = [days(counts, sensitivity=threshold).spike.sum() for threshold in (2.0, 4.0, 8.0, 40.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] == 0


def test_an_unfinished_bin_is_no_drop_and_has_no_score_before_it_is_full() -> None:
    counts = steady()
    counts[-1] = 2
    assert days(counts).direction[0, -1] == -1
    found = days(counts, unfinished=True)
    assert found.direction[0, -1] == 0
    assert np.isnan(found.score[0, -1])
    assert found.expected[0, -1] == pytest.approx(100, rel=0.1)


def test_an_unfinished_bin_that_holds_too_much_already_is_a_spike() -> None:
    counts = steady()
    counts[-1] = 400
    found = days(counts, unfinished=True)
    assert found.direction[0, -1] == 1
    assert found.score[0, -1] > 3.0


def test_an_unfinished_bin_is_no_history() -> None:
    counts = steady()
    full = days(counts, unfinished=True)
    counts[-1] = 0
    empty = days(counts, unfinished=True)
    assert np.array_equal(full.expected, empty.expected)
    assert np.array_equal(full.upper[0, :-1], empty.upper[0, :-1])


def test_bins_before_a_job_was_known_are_no_history() -> None:
    counts = np.concatenate([np.zeros(16, np.int64), steady(bins=14)])
    found = detect(counts[None, :], every(DAY, 30), known_from=np.array([16]))
    assert np.isnan(found.expected[0, :16]).all()
    assert found.expected[0, 16:].min() > 80
    assert not found.spike.any()


@pytest.mark.parametrize("bins", [0, 1, 2, MIN_HISTORY])
def test_too_little_history_is_not_judged(bins: int) -> None:
    counts = np.full((2, bins), 5)
    counts[:, -1:] = 1000
    found = days(counts)
    assert np.isnan(found.score).all()
    assert not found.spike.any()


def test_one_bin_more_than_the_least_history_is_judged() -> None:
    counts = np.full(MIN_HISTORY + 1, 20)
    counts[3] = 500
    assert days(counts).direction[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("width", [5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, WEEK])
def test_every_width_of_bin_is_taken(width: timedelta) -> None:
    counts = poisson(50, (1, 60))
    counts[0, 40] = 400
    assert detect(counts, every(width, 60)).direction[0].nonzero()[0].tolist() == [40]


def test_starts_that_do_not_match_the_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="30 bins, 29 starts"):
        detect(np.zeros((1, 30), np.int64), every(DAY, 29))


def test_a_series_is_judged_the_same_among_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = poisson(20, (40, 30))
    together = days(counts)
    monkeypatch.setattr("service.insights.detection._CELLS", 1)
    alone = days(counts)
    assert np.array_equal(together.upper, alone.upper)
    assert np.array_equal(together.score, alone.score)


tables = st.integers(1, 45).flatmap(
    lambda bins: st.lists(
        st.lists(st.one_of(st.integers(0, 5), st.integers(0, 10**7)), min_size=bins, max_size=bins),
        min_size=1,
        max_size=4,
    )
)


@settings(deadline=None)
@given(
    tables,
    st.sampled_from([5 * MINUTE, HOUR, 6 * HOUR, DAY, WEEK]),
    st.booleans(),
    st.integers(0, 40),
    st.floats(0.5, 20),
)
def test_what_is_called_a_spike_is_what_the_numbers_say(
    rows: list[list[int]],
    width: timedelta,
    unfinished: bool,
    known_from: int,
    sensitivity: float,
) -> None:
    counts = np.array(rows)
    found = detect(
        counts,
        every(width, counts.shape[1]),
        sensitivity=sensitivity,
        unfinished=unfinished,
        known_from=np.full(len(rows), known_from),
    )
    judged = ~np.isnan(found.expected)
    assert np.array_equal(judged, ~np.isnan(found.upper))
    assert (found.upper[judged] > found.expected[judged]).all()
    up = (counts > found.upper) & (counts - found.expected >= 5)
    assert np.array_equal(up, found.direction == 1)
    assert (found.score[up] >= sensitivity * (1 - 1e-9)).all()
    down = found.direction == -1
    assert (found.score[down] <= -sensitivity).all()
    assert (found.expected[down] - counts[down] >= 5).all()
    assert not found.spike[~judged].any()
    if unfinished:
        assert not down[:, -1].any()


def test_the_worked_example_of_the_documentation() -> None:
    # docs/spikes.md
    weeks = [
        (102, 95, 88, 110, 97, 21, 18),
        (99, 104, 93, 90, 101, 25, 16),
        (108, 96, 100, 87, 94, 19, 22),
        (92, 105, 98, 230, 103, 20, 17),
        (106, 91),
    ]
    counts = np.concatenate([np.array(week) for week in weeks])
    found = days(counts)
    assert found.direction[0].nonzero()[0].tolist() == [24]
    assert found.expected[0, 24].round(1) == 97.6
    assert found.upper[0, 24].round(1) == 140.1
    assert found.score[0, 24].round(2) == 8.13
