"""What becomes of families that are too large or too old."""

from __future__ import annotations

import operator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.metrics.family import Family, Limits, WhenStale, within
from tests.api.world import NOW

COUNTS = Family(
    "counts",
    "gauge",
    "Counts.",
    ("job_id", "result"),
    {("a", "success"): 5, ("b", "success"): 3, ("c", "failure"): 2, ("d", "success"): 1},
    fold=operator.add,
)
OLD = replace(COUNTS, as_of=NOW - timedelta(minutes=16), fresh_for=timedelta(minutes=5))


def shown(family: Family, limits: Limits) -> tuple[dict[tuple[str, ...], float], float]:
    """The family's samples, and how many are said to be folded."""
    only, folded = within(limits, [family], NOW)
    return dict(only.samples), folded.samples["counts",]


def test_largest_are_shown_and_the_rest_is_other_by_what_does_not_fold() -> None:
    samples, folded = shown(COUNTS, Limits(series=1))
    assert samples == {("a", "success"): 5, ("other", "success"): 4, ("other", "failure"): 2}
    assert folded == 3


def test_what_is_no_count_folds_to_the_greatest() -> None:
    samples, _ = shown(replace(COUNTS, fold=max), Limits(series=2))
    assert samples["other", "success"] == 1
    assert samples["other", "failure"] == 2


def test_job_called_other_is_one_series_with_the_rest() -> None:
    crowded = replace(COUNTS, samples={("other", "success"): 9, ("b", "success"): 3})
    assert shown(crowded, Limits(series=1)) == ({("other", "success"): 12}, 1)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.text(max_size=3), st.sampled_from("sf")), st.integers(0, 99), max_size=9
    ),
    st.integers(1, 9),
)
def test_folding_loses_no_event(samples: dict[tuple[str, ...], float], limit: int) -> None:
    found, folded = shown(replace(COUNTS, samples=samples), Limits(series=limit))
    assert sum(found.values()) == sum(samples.values())
    assert folded == max(0, len(samples) - limit)


@pytest.mark.parametrize(
    ("when_stale", "values"), [("keep", [1, 2, 3, 5]), ("drop", []), ("zero", [0, 0, 0, 0])]
)
def test_values_past_the_bound_are_kept_dropped_or_zero(
    when_stale: WhenStale, values: list[float]
) -> None:
    limits = Limits(stale_after=timedelta(minutes=10), when_stale=when_stale)
    assert sorted(shown(OLD, limits)[0].values()) == values


def test_values_within_the_bound_or_that_stay_true_are_never_dropped() -> None:
    limits = Limits(stale_after=timedelta(minutes=11), when_stale="drop")
    assert shown(OLD, limits)[0] == COUNTS.samples
    assert shown(COUNTS, limits)[0] == COUNTS.samples
