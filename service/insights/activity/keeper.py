"""Activity as answers see it: what is counted, how near it is, and which jobs there are."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cachetools import LRUCache

from service.insights.activity.latest_cycles import latest_cycles_kql, read_latest_cycles
from service.insights.activity.loading import Loader
from service.insights.activity.store import ActivityStore
from service.insights.cycle import Cycle
from service.insights.directory import App, Directory, Job
from service.insights.querying import Querying
from service.times import BINS
from service.workspace.errors import WorkspaceError
from service.workspace.protocol import TimeSpan

log = logging.getLogger(__name__)

Made = TypeVar("Made")

_MEMORISED = 32 << 20
"""Bytes of cuts kept until the next look: they take milliseconds, but the same are asked often."""

_SMALL = 10_000
"""Bytes that a cut takes which does not tell."""

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
        self.latest_cycles: Mapping[str, Cycle] = {}
        self._querying = querying
        self._loader = Loader(querying, store, retention=retention, now=now)
        self._every = every
        self._now = now
        self._monotonic = monotonic
        self._standing: Standing | None = None
        self._cycles_from: datetime | None = None
        self._cycles_lag = True
        self._made: LRUCache[Hashable, Any] = LRUCache(
            _MEMORISED, getsizeof=lambda made: getattr(made, "nbytes", _SMALL)
        )
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
    def loaded(self) -> bool:
        """Whether everything that the workspace retains is counted."""
        return self._loader.loaded

    def complete(self, start: datetime) -> bool:
        """Whether everything from an instant on is counted."""
        loaded_from = self.store.state.loaded_from
        return self.loaded or (loaded_from is not None and loaded_from <= start)

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

    def forget(self) -> None:
        """Drops what is memorised; the counts stay."""
        with self._lock:
            self._made.clear()

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
            if await self._loader.look() or self._cycles_lag:
                await self._refresh_cycles()
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

    async def _refresh_cycles(self) -> None:
        """Newest cycles change with new rows only; at first, every job's is looked for."""
        now = self._now()
        day = BINS["1d"]
        start = self._cycles_from or self._loader.horizon
        self._cycles_lag = True
        span = TimeSpan(start, day.ceil(now) + day.width)
        try:
            kql = latest_cycles_kql(span, await self._querying.schema())
            result = await self._querying.query("latest-cycles", kql, span)
        except WorkspaceError as error:
            log.warning("the newest cycles are not up to date: %s", error)
            return
        self.latest_cycles = {**self.latest_cycles, **read_latest_cycles(result)}
        self._cycles_from = day.floor(now) - day.width
        self._cycles_lag = False

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
