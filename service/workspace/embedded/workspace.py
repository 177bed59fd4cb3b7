"""Queries over a store of imported records, in threads of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import duckdb
from cachetools import LRUCache

from service.kql.template import Kql
from service.table import TABLE, TableSchema
from service.times import utc_now
from service.workspace.embedded.run import Run
from service.workspace.embedded.translation import (
    Translation,
    refuse_foreign_sources,
    translate,
)
from service.workspace.embedded.values import Values, columns_of, typed
from service.workspace.errors import QueryRejected, WorkspaceTimeout, WorkspaceUnavailable
from service.workspace.protocol import Result, Statistics, TimeSpan

MAX_ROWS = 500_000
"""Log Analytics cuts a result here; the embedded workspace does the same."""

_FETCH_VALUES = 3000
"""Values made into Python objects at a time: a larger step would hold the interpreter lock, and
with it the event loop, for longer than a few milliseconds."""


class EmbeddedWorkspace:
    """Answers from one DuckDB connection that holds the table `events` (see `records.store`).

    The connection should be open for reading only, with access to files switched off; queries run
    on cursors of it. `schema` narrows which columns there are, as an ingestion transform would;
    `now` is the clock of `now()` and `ago()`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        identity: str = "embedded",
        schema: TableSchema | None = None,
        now: Callable[[], datetime] = utc_now,
        max_rows: int = MAX_ROWS,
        threads: int = 4,
    ) -> None:
        self._identity = identity
        self._connection = connection
        self._schema = schema or TableSchema()
        self._now = now
        self._max_rows = max_rows
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="embedded-workspace")
        self._translations: LRUCache[str, Translation] = LRUCache(512)
        self._lock = threading.Lock()
        self._runs: set[Run] = set()
        self._closed = False

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def arrival_uncertainty(self) -> timedelta:
        # The store notes the moment it takes a batch, which readers see when it is done.
        return timedelta(seconds=1)

    @property
    def metered(self) -> bool:
        return False

    async def schema(self) -> TableSchema:
        return self._schema

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return None

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        if self._closed:
            raise _stopping()
        run = Run(self._connection.cursor())
        run.start(self._threads, lambda: self._execute(run, kql.text, span))
        self._runs.add(run)
        try:
            return await run.result(deadline)
        finally:
            self._runs.discard(run)

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(run.stop(_stopping()) for run in self._runs))
        await asyncio.to_thread(self._threads.shutdown)
        self._connection.close()

    def _execute(self, run: Run, text: str, span: TimeSpan) -> Result:
        started = time.perf_counter()
        cursor = run.cursor
        try:
            run.check()
            translation = self._translation(text, cursor)
            cursor.execute(_view(translation.columns, span))
            run.check()
            cursor.execute(translation.sql, translation.parameters(self._now()))
            description = cursor.description
            rows, cut = self._fetch(cursor, run)
        except duckdb.InterruptException:
            raise WorkspaceTimeout("The query was stopped before it finished.") from None
        except duckdb.OutOfMemoryException:
            raise WorkspaceUnavailable(
                "The query needs more memory than the embedded workspace may use; ask for a "
                "shorter window or raise INSIGHTS_EMBEDDED_MEMORY."
            ) from None
        except duckdb.IOException as error:
            raise WorkspaceUnavailable(f"The store can't be read: {_first_line(error)}") from None
        except (duckdb.FatalException, duckdb.InternalException) as error:
            raise WorkspaceUnavailable(
                f"The store is damaged; import the records again: {_first_line(error)}"
            ) from None
        except duckdb.Error as error:
            raise QueryRejected(f"The query can't run: {_first_line(error)}") from None
        finally:
            cursor.close()
        elapsed = timedelta(seconds=time.perf_counter() - started)
        partial = f"the result was cut at {self._max_rows:,} rows" if cut else None
        return Result(columns_of(description), rows, Statistics(elapsed, len(rows)), partial)

    def _translation(self, text: str, cursor: duckdb.DuckDBPyConnection) -> Translation:
        with self._lock:
            translation = self._translations.get(text)
        if translation is None:
            translation = translate(text, self._schema)
            refuse_foreign_sources(cursor, translation.sql)
            with self._lock:
                self._translations[text] = translation
        return translation

    def _fetch(self, cursor: duckdb.DuckDBPyConnection, run: Run) -> tuple[list[Values], bool]:
        rows: list[Values] = []
        step = max(1, _FETCH_VALUES // len(cursor.description))
        while chunk := cursor.fetchmany(step):
            rows += typed(cursor.description, chunk)
            run.check()
            if len(rows) > self._max_rows:
                del rows[self._max_rows :]
                return rows, True
        return rows, False


def _view(columns: tuple[str, ...], span: TimeSpan) -> str:
    """The table as this query may see it: its columns, within its span."""
    start, end = (
        instant.astimezone(UTC).replace(tzinfo=None) for instant in (span.start, span.end)
    )
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f'CREATE OR REPLACE TEMP VIEW "{TABLE}" AS SELECT {names} FROM main.events WHERE '
        f"TimeGenerated >= TIMESTAMP '{start}' AND TimeGenerated < TIMESTAMP '{end}'"
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _stopping() -> WorkspaceUnavailable:
    return WorkspaceUnavailable("The service is stopping; ask again in a moment.")
