"""Where counts are kept: a DuckDB file, in columns, changed in whole transactions.

    combination   a job with an action, result, error code, operation and identity type
    narrow        events of a combination in a bin of five minutes
    wide          the same per day, so that months are answered as fast as hours
    job           its names, first and last event
    state         how far back is loaded, when the workspace was last looked at, and which columns
                  of its table the counts were made of

A process that dies in the middle leaves the last whole transaction. A file that can't be read, or
is of another workspace or version, is made anew: everything in it can be counted again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from service.insights.activity.counting import DIMENSIONS, NAMES
from service.workspace.protocol import TimeSpan

log = logging.getLogger(__name__)

_VERSION = 3

_CREATE = f"""
BEGIN;
CREATE TABLE state (
    version INTEGER, workspace VARCHAR, counted_of VARCHAR[],
    loaded_from TIMESTAMP, looked TIMESTAMP
);
CREATE TABLE combination (id INTEGER, {", ".join(f"{name} VARCHAR" for name in DIMENSIONS)});
CREATE TABLE narrow (start TIMESTAMP, combination INTEGER, events BIGINT);
CREATE TABLE wide (start TIMESTAMP, combination INTEGER, events BIGINT);
CREATE TABLE job (
    JobId VARCHAR PRIMARY KEY, {", ".join(f"{n} VARCHAR, {n}_seen TIMESTAMP" for n in NAMES)},
    first_event TIMESTAMP, last_event TIMESTAMP
);
COMMIT;
"""
_BEGIN = "INSERT INTO state VALUES (?, ?, NULL, NULL, NULL)"
_COUNTS = ("combination", "narrow", "wide", "job")
_ADD_COMBINATIONS = f"""
INSERT INTO combination
SELECT (SELECT count(*) FROM combination) + row_number() OVER (), *
FROM (
    SELECT DISTINCT {", ".join(DIMENSIONS)} FROM incoming
    EXCEPT SELECT {", ".join(DIMENSIONS)} FROM combination
)
"""
_ADD_COUNTS = f"""
INSERT INTO narrow
SELECT Start, id, sum(Events)::BIGINT
FROM incoming JOIN combination USING ({", ".join(DIMENSIONS)})
GROUP BY ALL ORDER BY Start, id
"""
_ADD_DAYS = """
INSERT INTO wide
SELECT date_trunc('day', start) AS day, combination, sum(events)::BIGINT
FROM narrow WHERE date_trunc('day', start) IN (SELECT day FROM changed)
GROUP BY ALL ORDER BY day, combination
"""
# Only of bins that are loaded: in others, nobody knows which events are new.
_CHANGES = """
SELECT Start, JobId, Action, Result, sum(Events)::BIGINT AS Change
FROM (
    SELECT Start, JobId, Action, Result, Events FROM incoming
    UNION ALL BY NAME
    SELECT start AS Start, JobId, Action, Result, -events AS Events
    FROM narrow JOIN combination ON narrow.combination = combination.id
    WHERE start IN (SELECT Start FROM bin)
)
WHERE Start >= ?
GROUP BY ALL HAVING Change <> 0 ORDER BY ALL
"""
# Each name is that of the newest event that has one, whichever event came first.
_MERGE_JOBS = f"""
INSERT INTO job BY NAME
SELECT JobId, min(FirstEvent) AS first_event, max(LastEvent) AS last_event,
    {
    ", ".join(
        f"coalesce(arg_max({n}, LastEvent) FILTER ({n} <> ''), '') AS {n}, "
        f"max(LastEvent) FILTER ({n} <> '') AS {n}_seen"
        for n in NAMES
    )
}
FROM incoming GROUP BY JobId
ON CONFLICT (JobId) DO UPDATE SET
    {
    ", ".join(
        f"{n} = CASE WHEN excluded.{n}_seen < job.{n}_seen OR excluded.{n}_seen IS NULL "
        f"THEN job.{n} ELSE excluded.{n} END, {n}_seen = greatest(job.{n}_seen, excluded.{n}_seen)"
        for n in NAMES
    )
},
    first_event = least(job.first_event, excluded.first_event),
    last_event = greatest(job.last_event, excluded.last_event)
"""


Config = dict[str, str | bool | int | float | list[str]]


class ActivityError(Exception):
    """There is no file to keep activity in."""


@dataclass(frozen=True)
class State:
    """`loaded_from`: from there on every event is counted; `None` while nothing is.

    `looked`: rows that arrived until then, by the workspace's own clock, are counted.
    """

    loaded_from: datetime | None = None
    looked: datetime | None = None


class ActivityStore:
    """The counts of one workspace. Writing is for one thread at a time, reading for any."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute("SET TimeZone = 'UTC'")
        self._connection = connection
        self._writing = threading.Lock()
        self.state = self._read_state()
        self._columns = self._read_columns()

    @classmethod
    def open(cls, path: Path | None, workspace: str, *, memory_limit: str, threads: int) -> Self:
        """The store in this file, made anew if there is none that can be used; `None`: in memory.

        Raises `ActivityError` where no file can be made, or another process holds it.
        """
        config: Config = {"memory_limit": memory_limit, "threads": threads}
        try:
            if path and path.exists():
                if connection := _usable(path, workspace, config):
                    return cls(connection)
                _remove(path)
            connection = duckdb.connect(str(path or ":memory:"), config=config)
            connection.execute(_CREATE)
            connection.execute(_BEGIN, [_VERSION, workspace])
        except (duckdb.Error, OSError) as error:
            raise ActivityError(_why(path, error)) from error
        return cls(connection)

    def begin(self, columns: frozenset[str]) -> bool:
        """Tells of which columns of the table counts are made from now on.

        Drops those that were made of others, and returns whether there were any.
        """
        if columns == self._columns:
            return False
        with self._writing, closing(self._connection.cursor()) as cursor:
            before = self._columns
            cursor.execute("BEGIN")
            try:
                if before is not None:
                    for table in _COUNTS:
                        cursor.execute(f"DELETE FROM {table}")
                    cursor.execute("UPDATE state SET loaded_from = NULL, looked = NULL")
                cursor.execute("UPDATE state SET counted_of = ?", [sorted(columns)])
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            self._columns = columns
            if before is None:
                return False
            self.state = State()
        log.warning(
            "the workspace's table has changed (new: %s; gone: %s); activity is counted anew",
            ", ".join(sorted(columns - before)) or "nothing",
            ", ".join(sorted(before - columns)) or "nothing",
        )
        return True

    def replace(self, counted: pa.Table, span: TimeSpan | None, state: State) -> pa.Table | None:
        """Puts counts in place of those of the span, or, without one, of the bins they name.

        All or nothing; `state` counts from then on. Without a span, returns by how much that
        changed what was counted of loaded bins: `Start, JobId, Action, Result, Change`.
        """
        with self._writing, closing(self._connection.cursor()) as cursor:
            cursor.register("incoming", counted)
            cursor.execute("BEGIN")
            try:
                changes = self._replace(cursor, span)
                cursor.execute(
                    "UPDATE state SET loaded_from = ?, looked = ?",
                    [_naive(state.loaded_from), _naive(state.looked)],
                )
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            self.state = state
            return changes

    def read(self, *queries: tuple[str, Sequence[Any]]) -> list[pa.Table]:
        """The columns of each query, SQL with its parameters, all from one state."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            try:
                return [
                    cursor.sql(sql, params=list(parameters)).to_arrow_table()
                    for sql, parameters in queries
                ]
            finally:
                cursor.execute("ROLLBACK")

    def close(self) -> None:
        with self._writing:
            self._connection.close()

    def _replace(self, cursor: duckdb.DuckDBPyConnection, span: TimeSpan | None) -> pa.Table | None:
        changes = None
        if span is None:
            cursor.execute(
                "CREATE OR REPLACE TEMP TABLE bin AS SELECT DISTINCT Start FROM incoming"
            )
            loaded_from = _naive(self.state.loaded_from)
            changes = cursor.sql(_CHANGES, params=[loaded_from]).to_arrow_table()
        else:
            cursor.execute(
                "CREATE OR REPLACE TEMP TABLE bin AS SELECT DISTINCT start FROM narrow "
                "WHERE start >= ? AND start < ? UNION SELECT DISTINCT Start FROM incoming",
                [_naive(span.start), _naive(span.end)],
            )
        cursor.execute(
            "CREATE OR REPLACE TEMP TABLE changed AS "
            "SELECT DISTINCT date_trunc('day', start) AS day FROM bin"
        )
        cursor.execute(_ADD_COMBINATIONS)
        cursor.execute("DELETE FROM narrow WHERE start IN (SELECT start FROM bin)")
        cursor.execute(_ADD_COUNTS)
        cursor.execute("DELETE FROM wide WHERE start IN (SELECT day FROM changed)")
        cursor.execute(_ADD_DAYS)
        cursor.execute(_MERGE_JOBS)
        return changes

    def _read_state(self) -> State:
        row = self._connection.execute("SELECT loaded_from, looked FROM state").fetchone()
        loaded_from, looked = row or (None, None)
        return State(_aware(loaded_from), _aware(looked))

    def _read_columns(self) -> frozenset[str] | None:
        row = self._connection.execute("SELECT counted_of FROM state").fetchone()
        return frozenset(row[0]) if row and row[0] is not None else None


def _usable(path: Path, workspace: str, config: Config) -> duckdb.DuckDBPyConnection | None:
    """The file's counts, `None` if they are damaged or of something else; both can be mended."""
    try:
        connection = duckdb.connect(str(path), config=config)
    except duckdb.IOException as error:
        if _locked(error):
            raise
        log.warning("%s is damaged; activity is counted anew", path)
        return None
    except duckdb.Error:
        log.warning("%s is damaged; activity is counted anew", path)
        return None
    try:
        for table in _COUNTS:
            connection.execute(f"SELECT count(*) FROM {table}")
        found = connection.execute("SELECT version, workspace FROM state").fetchall()
    except duckdb.Error:
        found = []
    if found == [(_VERSION, workspace)]:
        return connection
    connection.close()
    log.warning("%s holds no activity of this workspace; it is counted anew", path)
    return None


def _locked(error: Exception) -> bool:
    return "could not set lock" in str(error).lower()


def _why(path: Path | None, error: Exception) -> str:
    if _locked(error):
        return f"{path} is in use by another process; stop it, or give another file for activity."
    return f"{path} can't keep activity: {str(error).partition(chr(10))[0]}"


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _naive(instant: datetime | None) -> datetime | None:
    return instant and instant.astimezone(UTC).replace(tzinfo=None)


def _aware(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)
