"""The logs of the simulated workspaces, and the embedded workspace that answers over them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from service.kql.template import Kql
from service.records.store import EVENTS
from service.table import COLUMNS, TableSchema
from service.workspace.embedded import EmbeddedWorkspace
from service.workspace.protocol import Result, TimeSpan
from tests.simulator.reading import Bounds

_NOTHING = "SELECT NULL::TIMESTAMP AS TimeGenerated, NULL::TIMESTAMP AS _Arrived LIMIT 0"


@dataclass(frozen=True)
class Logs:
    """What one workspace holds: the events of a store, which stays as it is while it is held.

    Without a store nothing has ever arrived, and queries are answered 204. `table=False` is a
    workspace that provisioning logs were never routed to. `columns` are those its table has.
    """

    store: Path | None = None
    table: bool = True
    columns: frozenset[str] = frozenset(COLUMNS)


@dataclass(frozen=True)
class Read:
    """How many rows a query has to read: see `counts.Counts`."""

    in_span: int = 0
    scanned: int = 0


class Engine:
    """The stores of several logs as one table."""

    def __init__(
        self, logs: Iterable[Logs], *, now: Callable[[], datetime], max_rows: int, memory: str
    ) -> None:
        columns = {"TimeGenerated"}
        self._connection = duckdb.connect(":memory:")
        self._connection.execute(f"SET memory_limit = '{memory}'; SET TimeZone = 'UTC'")
        parts: list[str] = []
        for number, held in enumerate(logs):
            path = str(held.store).replace("'", "''")
            self._connection.execute(f"ATTACH '{path}' AS store{number} (READ_ONLY)")
            parts.append(f"SELECT * FROM store{number}.{EVENTS}")
            columns |= held.columns
        view = " UNION ALL BY NAME ".join(parts)
        self._connection.execute(f"CREATE VIEW main.{EVENTS} AS {view or _NOTHING}")
        self._connection.execute(
            "SET enable_external_access = false; SET lock_configuration = true"
        )
        self._workspace = EmbeddedWorkspace(
            self._connection, schema=TableSchema(frozenset(columns)), now=now, max_rows=max_rows
        )

    async def query(self, text: str, span: TimeSpan, deadline: timedelta) -> Result:
        return await self._workspace.query(Kql(text), span, deadline=deadline)

    async def read(self, bounds: Bounds) -> Read:
        """How many rows lie within the bounds."""
        return await asyncio.to_thread(self._read, bounds)

    async def close(self) -> None:
        await self._workspace.close()

    def _read(self, bounds: Bounds) -> Read:
        start, end, since = (
            _naive(instant) for instant in (bounds.span.start, bounds.span.end, bounds.since)
        )
        with self._connection.cursor() as cursor:
            found = cursor.execute(
                f"SELECT count(*), count(*) FILTER (_Arrived > $since) FROM main.{EVENTS} "
                "WHERE TimeGenerated >= $start AND TimeGenerated < $end",
                {"since": since or datetime(1, 1, 1), "start": start, "end": end},
            ).fetchone()
        assert found is not None
        in_span, arrived = found
        return Read(in_span, arrived if since else in_span)


class Workspaces:
    """All simulated workspaces by ID, each with an engine once it is asked."""

    def __init__(
        self,
        logs: Mapping[str, Logs],
        *,
        now: Callable[[], datetime],
        max_rows: int,
        memory: str,
    ) -> None:
        self._logs = dict(logs)
        self._now = now
        self._max_rows = max_rows
        self._memory = memory
        self._engines: dict[tuple[Logs, ...], Engine] = {}

    def logs(self, identifier: str) -> Logs | None:
        return self._logs.get(identifier)

    def hold(self, identifier: str, logs: Logs) -> None:
        """The workspace holds these logs from now on."""
        self._logs[identifier] = logs

    def engine(self, logs: Iterable[Logs]) -> Engine:
        """What answers over these logs together."""
        key = tuple(held for held in logs if held.store and held.table)
        if key not in self._engines:
            self._engines[key] = Engine(
                key, now=self._now, max_rows=self._max_rows, memory=self._memory
            )
        return self._engines[key]

    async def close(self) -> None:
        await asyncio.gather(*(engine.close() for engine in self._engines.values()))


def _naive(instant: datetime | None) -> datetime | None:
    return instant and instant.astimezone(UTC).replace(tzinfo=None)
