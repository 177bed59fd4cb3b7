"""What the other bins make likely of each bin."""

from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights.seasons import (
    NOTHING,
    blend,
    drift_of,
    quantile_of_others,
    rhythm_of,
    season_of,
)

MONDAY = datetime(2026, 10, 19, tzinfo=UTC)
DAYS = rhythm_of([MONDAY + index * timedelta(days=1) for index in range(30)])


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans()), min_size=1, max_size=12))
def test_a_quantile_of_others_is_that_of_the_row_without_the_value(
    row: list[tuple[float, bool]],
) -> None:
    values, usable = np.array([row], dtype=float)[..., 0], np.array([row])[..., 1].astype(bool)
    found = quantile_of_others(values, usable, 0.9)[0]
    for place in range(len(row)):
        others = [value for index, (value, use) in enumerate(row) if use and index != place]
        expected = np.quantile(others, 0.9) if others else np.nan
        assert np.isclose(found[place], expected, equal_nan=True)


def test_a_bin_is_no_part_of_its_own_prediction() -> None:
    y = np.random.default_rng(0).normal(20, 1, (1, 30))
    changed = y.copy()
    changed[0, 12] = 500
    history = np.ones_like(y, np.bool_)
    flat = np.full_like(y, 20.0)
    before, after = (drift_of(values, flat, history, DAYS)[0, 12] for values in (y, changed))
    assert before == after


def weighted_median(values: list[float], weights: list[float]) -> float:
    """The least value up to which half of the weight lies; 1 without any weight."""
    pairs = sorted(pair for pair in zip(values, weights, strict=True) if pair[1] > 0)
    total = sum(weight for _, weight in pairs)
    below = 0.0
    for value, weight in pairs:
        below += weight
        if below >= total / 2:
            return value
    return 1.0


@settings(deadline=None, max_examples=50)
@given(
    st.integers(9, 100),
    st.sampled_from([timedelta(hours=1), timedelta(days=1)]),
    st.randoms(use_true_random=False),
)
def test_drift_is_the_weighted_median_of_the_nearest_other_bins(
    bins: int, width: timedelta, random: Random
) -> None:
    rhythm = rhythm_of([MONDAY + index * width for index in range(bins)])
    y, season = (
        np.array([[NOTHING + random.random() * random.choice([0, 50, 50]) for _ in range(bins)]])
        for _ in range(2)
    )
    history = np.array([[random.random() < 0.7 for _ in range(bins)]])
    found = drift_of(y, season, history, rhythm)[0]
    ratio = (y / season)[0]
    weight = np.where(history, np.fmax(season - NOTHING, 0.01), 0.0)[0]
    for place in range(bins):
        first = min(max(place - rhythm.neighbours // 2, 0), bins - 1 - rhythm.neighbours)
        near = [at for at in range(first, first + rhythm.neighbours + 1) if at != place]
        assert found[place] == weighted_median(ratio[near].tolist(), weight[near].tolist())


def test_a_division_without_history_takes_the_simplest_prediction() -> None:
    y = np.full((1, 30), 20.0)
    history = np.ones_like(y, np.bool_)
    history[0, 5::7] = False
    assert np.allclose(season_of(y, history, DAYS), 20.0)


def test_what_predicts_better_counts_for_more() -> None:
    y = np.resize([10.0, 30.0], (1, 30))
    good, bad = y + 0.1, np.full_like(y, 20.0)
    mixed = blend(y, np.ones_like(y, np.bool_), [bad, good], [0, 1])
    assert np.abs(mixed - good).max() < 0.01
