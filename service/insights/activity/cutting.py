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
    start, end = _span(question)
    seconds = int(question.window.bin.width.total_seconds())
    # Summed by number, because there are many bins and few names.
    sums = f"""
        SELECT place, date_diff('second', ?, start) // {seconds} AS bin, sum(events)::BIGINT AS n
        FROM {_source(question)} AS counted
        JOIN ({groups}) AS grouped ON counted.combination = grouped.id
        WHERE start >= ? AND start < ?
        GROUP BY place, bin
    """
    all_names = f"SELECT DISTINCT place, {', '.join(by)} FROM ({groups}) ORDER BY place"
    names, summed = activity.store.read((all_names, values), (sums, [start, *values, start, end]))
    counts = np.zeros((len(names), question.window.bins), np.int64)
    counts[summed.column("place").to_numpy(), summed.column("bin").to_numpy()] = summed.column(
        "n"
    ).to_numpy()
    busy = counts.any(axis=1)
    return Series(names.filter(pa.array(busy)).drop_columns(["place"]), counts[busy])


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
