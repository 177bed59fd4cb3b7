"""Cuts answers from the counts: any window, bin, jobs and filters, without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.insights.activity.keeper import Activity
from service.insights.question import Filters, Question
from service.times import BINS, Window
from service.workspace.protocol import TimeSpan

_DAY = BINS["1d"].width


@dataclass(frozen=True)
class Series:
    """Counts per bin: `names` has a row for each series, `counts` is (series, bins)."""

    names: pa.Table
    counts: npt.NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        return int(self.names.nbytes) + self.counts.nbytes


def cut(activity: Activity, question: Question, by: tuple[str, ...]) -> pa.Table:
    """Events of the question's window and filters, for all jobs or its own, summed by dimensions.

    Columns are the dimensions and `Events`, rows in their order. Takes milliseconds; call it in a
    thread.
    """
    return activity.memorised(("sums", *_key(question), by), lambda: _cut(activity, question, by))


def cut_series(activity: Activity, question: Question, by: tuple[str, ...]) -> Series:
    """The same per bin of the window, bins without events being 0; at least one in each series."""
    return activity.memorised(
        ("series", *_key(question), by), lambda: _cut_series(activity, question, by)
    )


def _cut(activity: Activity, question: Question, by: tuple[str, ...]) -> pa.Table:
    groups, values = _groups(question, by)
    names = ", ".join(by)
    sql = f"""
        WITH grouped AS ({groups}), summed AS (
            SELECT place, sum(events)::BIGINT AS Events
            FROM {_source(question)} AS counted JOIN grouped ON counted.combination = grouped.id
            WHERE start >= ? AND start < ?
            GROUP BY place
        )
        SELECT {names}, Events
        FROM summed JOIN (SELECT DISTINCT place, {names} FROM grouped) USING (place)
        ORDER BY place
    """
    (table,) = activity.store.read((sql, [*values, *_span(question)]))
    return table


def _cut_series(activity: Activity, question: Question, by: tuple[str, ...]) -> Series:
    groups, values = _groups(question, by)
    clauses, _ = _conditions(question)
    start, end = _span(question)
    bins, seconds = question.window.bins, int(question.window.bin.width.total_seconds())
    # Added up here by number: DuckDB would take ten times as long to group as to read.
    counted = f"""
        SELECT combination, (date_diff('second', ?, start) // {seconds})::INTEGER AS bin, events
        FROM {_source(question)} WHERE start >= ? AND start < ?
        {f"AND combination IN (SELECT id FROM ({groups}))" if clauses else ""}
    """
    named, found = activity.store.read(
        (f"SELECT * FROM ({groups}) ORDER BY place", values),
        (counted, [start, start, end, *(values if clauses else [])]),
    )
    ids, places = (named.column(name).to_numpy() for name in ("id", "place"))
    _, first = np.unique(places, return_index=True)
    combination, bin_, events = (column.to_numpy() for column in found.columns)
    place_of = np.zeros(ids.max(initial=-1) + 1, np.int64)
    place_of[ids] = places
    sums = np.bincount(place_of[combination] * bins + bin_, events, len(first) * bins)
    counts = sums.astype(np.int64).reshape(len(first), bins)
    busy = counts.any(axis=1)
    return Series(named.select(by).take(first[busy]), counts[busy])


def _groups(question: Question, by: tuple[str, ...]) -> tuple[str, list[object]]:
    """The combinations that the question's filters choose, those of one group with one place."""
    clauses, values = _conditions(question)
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    names = ", ".join(by)
    return (
        f"SELECT id, dense_rank() OVER (ORDER BY {names}) - 1 AS place, {names} "
        f"FROM combination {where}",
        values,
    )


def _source(question: Question) -> str:
    return "narrow" if question.window.bin.width % _DAY else "wide"


def _span(question: Question) -> list[datetime]:
    return [_naive(question.window.start), _naive(question.window.end)]


def _key(question: Question) -> tuple[Window, Filters, str | None]:
    return question.window, question.filters, question.job_id


def busy_hours(activity: Activity, span: TimeSpan) -> pa.Table:
    """Per job and hour of the week, in how many weeks it was busy: `JobId, Slot, Weeks`.

    Slot 0 is Monday 00:00 to 01:00 UTC.
    """
    return activity.memorised(
        ("busy hours", span),
        lambda: activity.store.read((_BUSY_HOURS, [_naive(span.start), _naive(span.end)]))[0],
    )


_BUSY_HOURS = """
SELECT JobId, Slot, count(*)::BIGINT AS Weeks
FROM (
    SELECT DISTINCT JobId, date_trunc('hour', start) AS hour,
        (isodow(start) - 1) * 24 + hour(start) AS Slot
    FROM narrow JOIN combination ON narrow.combination = combination.id
    WHERE start >= ? AND start < ?
)
GROUP BY ALL
"""


def _conditions(question: Question) -> tuple[list[str], list[object]]:
    filters: Filters = question.filters
    clauses: list[str] = []
    values: list[object] = []
    if question.job_id is not None:
        clauses.append("JobId = ?")
        values.append(question.job_id)
    chosen: Sequence[tuple[str, frozenset[str]]] = (
        ("Action", frozenset(filters.actions)),
        ("Result", frozenset(filters.results)),
        ("lower(ErrorCode)", filters.error_codes),
        ("lower(Operation)", filters.operations),
        ("lower(IdentityType)", filters.identity_types),
    )
    for expression, allowed in chosen:
        if allowed:
            clauses.append(f"{expression} IN (SELECT unnest(?))")
            values.append(sorted(allowed))
    return clauses, values


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
