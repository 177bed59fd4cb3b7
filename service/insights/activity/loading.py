"""Fills activity newest first, and keeps it true: one look at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from service.insights.activity.counting import (
    BIN,
    CLOCK,
    asked_at,
    counted,
    counted_none,
    counting_kql,
)
from service.insights.activity.store import ActivityStore, State
from service.insights.querying import Querying
from service.times import BINS
from service.workspace.protocol import Result, TimeSpan

_DAY = BINS["1d"]
_BIN = BINS["5m"]
_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)
"""Events of a clock that is ahead are events too."""

_LARGE = 50_000
"""Rows from which a piece is not made larger: some seconds of work, well below any limit."""


class Loader:
    """Asks the workspace for counts and hands them to the store."""

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

    @property
    def horizon(self) -> datetime:
        """From where on the workspace retains events."""
        return _DAY.floor(self._now() - self._retention)

    @property
    def loaded(self) -> bool:
        """Whether everything that the workspace retains is counted."""
        loaded_from = self._store.state.loaded_from
        return loaded_from is not None and loaded_from <= self.horizon

    async def look(self) -> bool:
        """Counts again the bins that got rows since the last look; the first look counts today.

        Returns whether there were any. Raises what the workspace raises; what was counted until
        then stays.
        """
        state = self._store.state
        if state.loaded_from is None or state.looked is None:
            looked = await self._clock()
            await self._fill(_DAY.floor(self._now()), _FUTURE, looked=looked)
            return True
        since = state.looked - self._querying.arrival_uncertainty
        span = TimeSpan(min(self.horizon, state.loaded_from), _FUTURE)
        looked = await self._recount(span, since)
        if looked is None:
            return False
        await self._keep(counted_none(), None, replace(self._store.state, looked=looked))
        return True

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
            result = await self._ask(span, None)
            middle = self._middle(span)
            if result.partial is None or middle is None:
                break
            start = middle
            self._piece = max(self._piece / 2, BIN)
        rows = len(result.rows)
        await self._keep(await asyncio.to_thread(counted, result), span, State(start, looked))
        return rows

    async def _recount(self, span: TimeSpan, since: datetime) -> datetime | None:
        """Counts the span's changed bins, in halves where the workspace does not return all.

        Returns when the workspace was first asked, by its own clock; `None` if nothing changed.
        """
        result = await self._ask(span, since)
        looked, middle = asked_at(result), self._middle(span)
        if result.partial is not None and middle is not None:
            newer = await self._recount(TimeSpan(middle, span.end), since)
            older = await self._recount(TimeSpan(span.start, middle), since)
            return looked or newer or older
        if looked is not None:
            await self._keep(await asyncio.to_thread(counted, result), None, self._store.state)
        return looked

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

    async def _ask(self, span: TimeSpan, since: datetime | None) -> Result:
        kql = counting_kql(span, await self._querying.schema(), since)
        return await self._querying.query("activity", kql, span)

    async def _keep(self, table: pa.Table, span: TimeSpan | None, state: State) -> None:
        await asyncio.to_thread(self._store.replace, table, span, state)
