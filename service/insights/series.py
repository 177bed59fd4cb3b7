"""Counts over time from activity: one row of bins per job and name, zeros too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from service.insights.activity.cutting import cut_series
from service.insights.activity.keeper import Activity
from service.insights.directory import Job
from service.insights.insight import Context
from service.insights.question import Question

Row = TypeVar("Row")
Counts = npt.NDArray[np.int64]

_MADE_AT_ONCE = 500


@dataclass(frozen=True)
class Point:
    """One bin of a series."""

    at: datetime
    events: int


@dataclass(frozen=True)
class SeriesTable:
    """`counts` is (series, bins); `keys` names each series: its job ID, then its own names.

    Series are in the order of their keys.
    """

    keys: list[tuple[str, ...]]
    counts: Counts

    def of_jobs(self, context: Context) -> list[tuple[int, Job]]:
        """The series of the question's jobs, by their place in the table, busiest first."""
        jobs = {job.job_id: job for job in context.jobs()}
        busiest_first = np.argsort(-self.counts.sum(axis=1), kind="stable").tolist()
        found = ((place, jobs.get(self.keys[place][0])) for place in busiest_first)
        return [(place, job) for place, job in found if job is not None]


def series(activity: Activity, question: Question, names: tuple[str, ...]) -> SeriesTable:
    """Every job's series over these dimensions of activity."""
    found = cut_series(activity, question, ("JobId", *names))
    columns = [column.to_pylist() for column in found.names.columns]
    return SeriesTable(list(zip(*columns, strict=True)), found.counts)


def points(starts: Sequence[datetime], counts: Counts) -> list[Point]:
    return [Point(at, events) for at, events in zip(starts, counts.tolist(), strict=True)]


class LazyRows(Sequence[tuple[Job, Row]], Generic[Row]):
    """Rows that are made when somebody looks: a page shows few of a fleet's thousands.

    `make` makes the rows of several places at once.
    """

    def __init__(
        self,
        places: Sequence[tuple[int, Job]],
        make: Callable[[Sequence[int]], Iterable[Row]],
    ) -> None:
        self._places = places
        self._make = make

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[tuple[Job, Row]]:
        for first in range(0, len(self), _MADE_AT_ONCE):
            yield from self[first : first + _MADE_AT_ONCE]

    @overload
    def __getitem__(self, index: int) -> tuple[Job, Row]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Job, Row]]: ...
    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            place = range(len(self))[index]
            (row,) = self[place : place + 1]
            return row
        chosen = self._places[index]
        rows = self._make([place for place, _ in chosen])
        return [(job, row) for (_, job), row in zip(chosen, rows, strict=True)]
