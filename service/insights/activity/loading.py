"""Fills activity newest first, and keeps it true: one look at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from service.insights.activity.arrivals import Arrivals
from service.insights.activity.counting import (
    BIN,
    CLOCK,
    COLUMNS,
    asked_at,
    changed_cycles,
    counted,
    counted_none,
    counting_kql,
    newer,
    recounting_kql,
)
from service.insights.activity.store import ActivityStore, State
from service.insights.columns import columns_read
from service.insights.cycle import Cycle
from service.insights.querying import Querying
from service.table import TableSchema
from service.times import BINS
from service.workspace.protocol import TimeSpan

_DAY = BINS["1d"]
_BIN = BINS["5m"]
FUTURE = datetime(9000, 1, 1, tzinfo=UTC)
"""Events of a clock that is ahead are events too."""

_LARGE = 50_000
"""Rows from which a piece is not made larger: some seconds of work, well below any limit."""


class Loader:
    """Asks the workspace for counts and hands them to the store.

    `cycles_known` says whether `latest_cycles` has every job's; looks keep it so where they can.
    """

    def __init__(
        self,
        querying: Querying,
        store: ActivityStore,
        *,
        retention: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._querying = querying
        self._store = store
        self._retention = retention
        self._now = now
        self._piece = timedelta(days=1)
        self._looked = False
        self._cut: set[datetime] = set()
        self.arrivals = Arrivals()
        self.latest_cycles: Mapping[str, Cycle] = {}
        self.cycles_known = False
        self._schema = TableSchema()

    @property
    def horizon(self) -> datetime:
        """From where on the workspace retains events."""
        return _DAY.floor(self._now() - self._retention)

    @property
    def loaded(self) -> bool:
        """Whether everything that the workspace retains is counted."""
        loaded_from = self._store.state.loaded_from
        return loaded_from is not None and loaded_from <= self.horizon

    def whole(self, start: datetime) -> bool:
        """Whether the workspace returned all counts of each bin from an instant on."""
        return not any(cut >= start for cut in self._cut)

    def begin(self, schema: TableSchema) -> bool:
        """Tells which columns the table has now.

        Returns whether all counts had to go, because they were made of others.
        """
        if schema != self._schema:
            self._schema = schema
            self.cycles_known = False
        if not self._store.begin(columns_read(schema, COLUMNS)):
            return False
        self._cut.clear()
        return True

    async def look(self) -> bool:
        """Counts again the bins that got rows since the last look; the first look counts today.

        Returns whether there were any. Raises what the workspace raises; what was counted until
        then stays.
        """
        news = await self._look()
        self._looked = True
        return news

    async def _look(self) -> bool:
        state = self._store.state
        if state.loaded_from is None or state.looked is None:
            self.cycles_known = False  # Runs are found by what arrives from now on.
            looked = await self._clock()
            await self._fill(_DAY.floor(self._now()), FUTURE, looked=looked)
            return True
        since = state.looked - self._querying.arrival_uncertainty
        span = TimeSpan(min(self.horizon, state.loaded_from), FUTURE)
        looked = await self._recount(span, span, since)
        if looked is None:
            return False
        await self._keep(counted_none(), None, replace(self._store.state, looked=looked))
        return True

    def note_cycles(self, found: Mapping[str, Cycle]) -> None:
        """Keeps each job's newest cycle of those that are known and those that were found."""
        self.latest_cycles = {**self.latest_cycles, **newer(self.latest_cycles, found)}

    async def load_more(self) -> None:
        """Counts one more piece of the past, as large as the last one's size allows."""
        state = self._store.state
        if state.loaded_from is None or self.loaded:
            return
        start = max(self.horizon, state.loaded_from - self._piece)
        rows = await self._fill(start, state.loaded_from, looked=state.looked)
        if rows < _LARGE:
            self._piece = min(self._piece * 2, self._retention)

    async def _fill(self, start: datetime, end: datetime, *, looked: datetime | None) -> int:
        """Counts from `start` on, or from as near to it as the workspace returns whole."""
        while True:
            span = TimeSpan(start, end)
            kql = counting_kql(span, self._schema)
            result = await self._querying.query("activity", kql, span)
            middle = self._middle(span)
            if result.partial is None or middle is None:
                break
            start = middle
            self._piece = max(self._piece / 2, BIN)
        rows = len(result.rows)
        table = await asyncio.to_thread(counted, result)
        await self._keep(table, span, State(start, looked))
        self._note(table, span, cut=result.partial is not None)
        return rows

    async def _recount(self, span: TimeSpan, whole: TimeSpan, since: datetime) -> datetime | None:
        """Counts the span's changed bins, in halves where the workspace does not return all.

        Returns when the workspace was first asked, by its own clock; `None` if nothing changed.
        """
        kql = recounting_kql(span, self._schema, since)
        # Runs reach beyond the halves of a span.
        result = await self._querying.query("activity", kql, whole)
        looked, middle = asked_at(result), self._middle(span)
        if result.partial is not None and middle is not None:
            late = await self._recount(TimeSpan(middle, span.end), whole, since)
            early = await self._recount(TimeSpan(span.start, middle), whole, since)
            return looked or late or early
        if looked is not None or result.partial is not None:
            if result.partial is None:
                self.note_cycles(await asyncio.to_thread(changed_cycles, result))
            else:  # Some of those that changed may be among the rows that did not come.
                self.cycles_known = False
            table = await asyncio.to_thread(counted, result)
            await self._keep(table, None, self._store.state)
            self._note(table, span, cut=result.partial is not None)
        return looked

    def _note(self, table: pa.Table, span: TimeSpan, *, cut: bool) -> None:
        """A single bin may hold more than the workspace returns: what there is of it is kept."""
        if cut:
            self._cut.add(span.start)
        elif self._cut:
            starts = table.column("Start").unique().to_pylist()
            self._cut -= {start.replace(tzinfo=UTC) for start in starts}

    async def _clock(self) -> datetime | None:
        """The workspace's time: our own clock may be wrong, and jump."""
        now = self._now()
        return asked_at(await self._querying.query("clock", CLOCK, TimeSpan(now - _DAY.width, now)))

    def _middle(self, span: TimeSpan) -> datetime | None:
        """Where to cut a span in two, `None` for one that is a single bin."""
        tomorrow = _DAY.ceil(self._now()) + _DAY.width
        if span.start < tomorrow < span.end:
            return tomorrow
        middle = _BIN.floor(span.start + (span.end - span.start) / 2)
        return middle if middle > span.start else None

    async def _keep(self, table: pa.Table, span: TimeSpan | None, state: State) -> None:
        await asyncio.to_thread(self._replace, table, span, state)

    def _replace(self, table: pa.Table, span: TimeSpan | None, state: State) -> None:
        changes = self._store.replace(table, span, state)
        if changes is not None and self._looked:
            self.arrivals.add(changes)
