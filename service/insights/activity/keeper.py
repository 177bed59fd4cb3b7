"""Activity as answers see it: what is counted, how near it is, and which jobs there are."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cachetools import LRUCache

from service.insights.activity.arrivals import Arrivals
from service.insights.activity.latest_cycles import latest_cycles_kql, read_latest_cycles
from service.insights.activity.loading import FUTURE, Loader
from service.insights.activity.store import ActivityStore
from service.insights.cycle import Cycle
from service.insights.directory import App, Directory, Job
from service.insights.querying import Querying
from service.table import TableSchema
from service.workspace.errors import WorkspaceError
from service.workspace.protocol import TimeSpan

log = logging.getLogger(__name__)

Made = TypeVar("Made")

_MEMORISED = 32 << 20
"""Bytes of cuts kept until the next look: they take milliseconds, but the same are asked often."""

_SMALL = 10_000
"""Bytes that a cut takes which does not tell."""

_LOOKS_MISSED = 2
"""Intervals without a look, none having failed, after which the counts are stale: the machine may
have slept, or a look may hang."""

_GRACE = 2.0
"""Seconds by which a look may come late before answers that were made of the last one expire."""


@dataclass(frozen=True)
class Standing:
    """How near activity is: when the workspace was last looked at, on both clocks.

    `failure` is why it could not be looked at since, `None` while it can.
    """

    looked: datetime
    made: float
    failure: str | None


class Activity:
    """Counts of the fleet, refreshed from time to time by whoever runs `refresh`."""

    def __init__(
        self,
        store: ActivityStore,
        querying: Querying,
        *,
        every: timedelta,
        retention: timedelta,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self.store = store
        self.failure: WorkspaceError | None = None
        self._querying = querying
        self._loader = Loader(querying, store, retention=retention, now=now)
        self._every = every
        self._now = now
        self._monotonic = monotonic
        self._standing: Standing | None = None
        self._made, self._kept = _cache(), _cache()
        self._lock = threading.Lock()

    @property
    def standing(self) -> Standing | None:
        """`None` until the workspace was looked at once."""
        return self._standing

    @property
    def expires(self) -> float:
        """Until when, in monotonic seconds, no news is to be expected."""
        standing = self._standing
        return standing.made + self._every.total_seconds() + _GRACE if standing else 0.0

    @property
    def overdue(self) -> str | None:
        """Why the last look is older than it should be, `None` while it is not."""
        if (standing := self._standing) is None:
            return None
        age, every = self._monotonic() - standing.made, self._every.total_seconds()
        if standing.failure is None and age < _LOOKS_MISSED * every + _GRACE:
            return None
        return standing.failure or f"the workspace was last looked at {age:.0f} s ago"

    @property
    def loaded(self) -> bool:
        """Whether everything that the workspace retains is counted."""
        return self._loader.loaded

    @property
    def latest_cycles(self) -> Mapping[str, Cycle]:
        """Each job's newest cycle by its ID."""
        return self._loader.latest_cycles

    @property
    def arrivals(self) -> Arrivals:
        """The events that arrived since the first look of this process."""
        return self._loader.arrivals

    @property
    def horizon(self) -> datetime:
        """From where on the workspace retains events."""
        return self._loader.horizon

    def complete(self, start: datetime) -> bool:
        """Whether everything from an instant on is counted."""
        return self.lacking(start) is None

    def lacking(self, start: datetime) -> str | None:
        """What is missing from an instant on, `None` if everything is counted."""
        loaded_from = self.store.state.loaded_from
        if not self.loaded and (loaded_from is None or loaded_from > start):
            return "part of the window is not loaded yet"
        if not self._loader.whole(start):
            return "five minutes of the window hold more counts than the workspace returns at once"
        return None

    def memorised(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` makes of the counts, made once until the next look."""
        with self._lock:
            standing = self._standing
            if key in self._made:
                found: Made = self._made[key]
                return found
        made = make()
        with self._lock:
            if standing is self._standing and getattr(made, "nbytes", _SMALL) <= _MEMORISED:
                self._made[key] = made
        return made

    def kept(self, key: Hashable, make: Callable[[Made | None], Made]) -> Made:
        """What `make` makes of what it made the last time, looks ago or just now, or of `None`."""
        with self._lock:
            before: Made | None = self._kept.get(key)
        made = make(before)
        with self._lock:
            if getattr(made, "nbytes", _SMALL) <= _MEMORISED:
                self._kept[key] = made
        return made

    def forget(self) -> None:
        """Drops what is memorised and kept; the counts stay."""
        with self._lock:
            self._made.clear()
            self._kept.clear()

    def directory(self) -> Directory:
        """All jobs that the retention knows."""
        return self.memorised("directory", self._read_directory)

    async def refresh(self) -> AsyncIterator[None]:
        """Looks for new rows, then loads what is not loaded yet, newest first, until the next look
        is due. Yields whenever there is something new to be seen.

        Raises what the workspace raises; what was counted until then stays, and says since when.
        """
        looked, mark = self._now(), self._monotonic()
        try:
            schema = await self._querying.schema()
            if await asyncio.to_thread(self._loader.begin, schema):
                self.forget()
            await self._loader.look()
            if not self._loader.cycles_known:
                await self._read_cycles(schema)
            self._renew(looked, mark)
            yield
            while not self.loaded and self._monotonic() - mark < self._every.total_seconds():
                await self._loader.load_more()
                self._renew(looked, mark)
                yield
        except WorkspaceError as error:
            self.failure = error
            if standing := self._standing:
                self._standing = Standing(standing.looked, standing.made, str(error))
            raise

    def close(self) -> None:
        self.store.close()

    async def _read_cycles(self, schema: TableSchema) -> None:
        """Looks for every job's newest cycle; from then on, each look brings those that changed."""
        span = TimeSpan(self._loader.horizon, FUTURE)
        try:
            result = await self._querying.query(
                "latest-cycles", latest_cycles_kql(span, schema), span
            )
        except WorkspaceError as error:
            log.warning("the newest cycles are not known: %s", error)
            return
        self._loader.note_cycles(await asyncio.to_thread(read_latest_cycles, result))
        self._loader.cycles_known = result.partial is None
        if result.partial is not None:
            log.warning("not all newest cycles are known: %s", result.partial)

    def _renew(self, looked: datetime, made: float) -> None:
        self.failure = None
        with self._lock:
            self._made.clear()
            self._standing = Standing(looked, made, None)

    def _read_directory(self) -> Directory:
        jobs = {}
        (found,) = self.store.read(("SELECT * FROM job ORDER BY JobId", ()))
        for row in found.to_pylist():
            jobs[row["JobId"]] = Job(
                job_id=row["JobId"],
                app=App(row["AppId"], row["AppName"]),
                source_system=row["FromSystem"],
                target_system=row["ToSystem"],
                first_event=row["first_event"].replace(tzinfo=UTC),
                last_event=row["last_event"].replace(tzinfo=UTC),
            )
        return Directory(jobs)


def _cache() -> LRUCache[Hashable, Any]:
    return LRUCache(_MEMORISED, getsizeof=lambda made: getattr(made, "nbytes", _SMALL))
