"""What becomes of families that are too large or too old."""

from __future__ import annotations

import operator
from collections.abc import Mapping
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
RATIO = replace(
    COUNTS,
    samples={
        ("large", "failure"): 40,
        ("small", "failure"): 1,
        ("small", "success"): 40,
        ("large", "success"): 78,
    },
)
OLD = replace(COUNTS, as_of=NOW - timedelta(minutes=16), fresh_for=timedelta(minutes=5))


def shown(
    family: Family, limits: Limits, sizes: Mapping[str, float] | None = None
) -> tuple[dict[tuple[str, ...], float], float]:
    """The family's samples, and how many are said to be folded."""
    only, folded = within(limits, [family], NOW, sizes or {})
    return dict(only.samples), folded.samples["counts",]


def test_largest_jobs_are_shown_and_the_rest_is_other_by_what_does_not_fold() -> None:
    samples, folded = shown(COUNTS, Limits(series=1), {"a": 5, "b": 3, "c": 2, "d": 1})
    assert samples == {("a", "success"): 5, ("other", "success"): 4, ("other", "failure"): 2}
    assert folded == 3


def test_job_folds_with_all_that_it_has() -> None:
    samples, folded = shown(RATIO, Limits(series=2), {"small": 41, "large": 118})
    assert samples == {
        ("large", "failure"): 40,
        ("large", "success"): 78,
        ("other", "failure"): 1,
        ("other", "success"): 40,
    }
    assert folded == 2


def test_job_that_alone_is_beyond_the_limit_folds_and_smaller_ones_stay() -> None:
    crowded = replace(COUNTS, samples={("a", "0"): 9, ("a", "1"): 9, ("a", "2"): 9, ("b", "0"): 1})
    samples, folded = shown(crowded, Limits(series=2), {"a": 27, "b": 1})
    assert samples == {("b", "0"): 1, **{("other", f"{n}"): 9 for n in range(3)}}
    assert folded == 3


def test_jobs_that_fold_in_one_family_fold_in_all_so_that_joins_hold() -> None:
    names = Family(
        "names", "gauge", "Names.", ("job_id", "name"), {("small", "S"): 1, ("large", "L"): 1},
        open=("job_id", "name"),
    )  # fmt: skip
    sizes = {"small": 41, "large": 118}
    *found, folded = within(Limits(series=2), [names, RATIO], NOW, sizes)
    assert found[0].samples == {("large", "L"): 1, ("other", "other"): 1}
    assert {job_id for job_id, _ in found[1].samples} == {"large", "other"}
    assert folded.samples == {("names",): 1, ("counts",): 2}


def test_jobs_of_one_size_fold_by_their_ids_whatever_the_order() -> None:
    turned = replace(COUNTS, samples=dict([*COUNTS.samples.items()][::-1]))
    limits = Limits(series=2)
    samples, _ = shown(COUNTS, limits)
    assert samples == shown(turned, limits)[0]
    assert {job_id for job_id, _ in samples} == {"a", "b", "other"}


def test_family_whose_labels_do_not_fold_is_whole_and_says_so() -> None:
    insights = replace(COUNTS, labels=("insight", "result"))
    assert shown(insights, Limits(series=1)) == (COUNTS.samples, 0)


def test_family_without_jobs_shows_its_first_series() -> None:
    codes = replace(COUNTS, labels=("code", "result"), open=("code", "result"))
    samples, folded = shown(codes, Limits(series=1))
    assert samples == {("a", "success"): 5, ("other", "other"): 6}
    assert folded == 3


def test_what_is_no_count_folds_to_the_greatest() -> None:
    samples, _ = shown(replace(COUNTS, fold=max), Limits(series=2))
    assert samples["other", "success"] == 1
    assert samples["other", "failure"] == 2


def test_job_called_other_is_one_series_with_the_rest() -> None:
    crowded = replace(COUNTS, samples={("other", "success"): 9, ("b", "success"): 3})
    found = shown(crowded, Limits(series=1), {"other": 9, "b": 3})
    assert found == ({("other", "success"): 12}, 1)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.text(max_size=2), st.sampled_from("sf")), st.integers(0, 99), max_size=9
    ),
    st.dictionaries(st.text(max_size=2), st.integers(0, 99)),
    st.integers(1, 9),
)
def test_folding_loses_no_event_and_splits_no_job(
    samples: dict[tuple[str, ...], float], sizes: dict[str, float], limit: int
) -> None:
    found, folded = shown(replace(COUNTS, samples=samples), Limits(series=limit), sizes)
    assert sum(found.values()) == sum(samples.values())
    assert len(samples) - folded <= limit
    whole = {values for values in found if values[0] != "other"}
    jobs = {job_id for job_id, _ in whole}
    assert whole == {values for values in samples if values[0] in jobs}
    assert len(whole) == len(samples) - folded


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
