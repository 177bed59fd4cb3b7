"""What is usual of many series, worked out anew only for those whose past has changed."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.insights import usual_levels as module
from service.insights.detection import Usual, usual_of
from service.insights.usual_levels import UsualLevels, usual_levels

Counts = npt.NDArray[np.int64]

BINS = 12
STARTS = [datetime(2026, 10, 19, tzinfo=UTC) + index * timedelta(days=1) for index in range(BINS)]


def levels(
    counts: Counts,
    known_from: Counts | None = None,
    *,
    unfinished: bool = True,
    before: UsualLevels | None = None,
) -> UsualLevels:
    since = np.zeros(len(counts), np.int64) if known_from is None else known_from
    return usual_levels(counts, STARTS, unfinished=unfinished, known_from=since, before=before)


def same(one: Usual, other: Usual) -> bool:
    return all(
        np.array_equal(left, right, equal_nan=True)
        for left, right in zip(astuple(one), astuple(other), strict=True)
    )


# Few values, so that many series are the same as ones before.
tables = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.sampled_from([0, 40]), min_size=BINS, max_size=BINS)),
    max_size=6,
)


@settings(deadline=None)
@given(st.lists(tables, min_size=1, max_size=4), st.booleans())
def test_it_is_the_same_as_without_knowing_anything_from_before(
    looks: list[list[tuple[int, list[int]]]], unfinished: bool
) -> None:
    before = None
    for look in looks:
        counts = np.array([row for _, row in look], np.int64).reshape(-1, BINS)
        known_from = np.array([since for since, _ in look], np.int64)
        before = levels(counts, known_from, unfinished=unfinished, before=before)
        expected = usual_of(counts, STARTS, unfinished=unfinished, known_from=known_from)
        assert same(before.usual, expected)


def test_only_series_whose_finished_bins_changed_are_worked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = np.random.default_rng(0).poisson(30, (5, BINS))
    before = levels(counts)
    worked_out: list[int] = []

    def noted(some: Counts, *arguments: object, **options: object) -> Usual:
        worked_out.append(len(some))
        return usual_of(some, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "usual_of", noted)
    counts[:, -1] += 1000
    counts[3, 4] += 1
    levels(counts[::-1], before=before)
    assert worked_out == [1]


def test_its_size_is_that_of_what_it_holds() -> None:
    held = levels(np.ones((3, BINS), np.int64))
    assert held.nbytes >= 4 * 3 * BINS * 8
