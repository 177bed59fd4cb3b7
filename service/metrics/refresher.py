"""Keeps activity, and what a scrape shows of it, up to date in the background."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from service.insights.activity.keeper import Activity, Standing
from service.insights.window_counts import window_counts
from service.metrics.exposition import Exposition
from service.metrics.provisioning_families import Snapshot, families
from service.workspace.errors import WorkspaceError

log = logging.getLogger(__name__)

_JITTER = 0.1
"""Share by which each wait varies, so that replicas do not ask all at once."""


class Refresher:
    """Looks, shows, waits; one refresh never overlaps the next, and a scrape causes none."""

    def __init__(
        self,
        activity: Activity,
        exposition: Exposition,
        *,
        every: timedelta,
        top_errors: int,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._activity = activity
        self._exposition = exposition
        self._every = every
        self._top_errors = top_errors
        self._now = now
        self._sleep = sleep
        self.settled = asyncio.Event()
        """Set once everything is loaded, or the workspace has failed."""

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        while True:
            failed = False
            try:
                await self.refresh()
            except WorkspaceError as error:
                failed = True
                log.warning("the workspace gives no answer: %s", error)
            except Exception:
                # Whatever it was, the next refresh may work, and scrapes need what there is.
                failed = True
                log.exception("activity could not be refreshed")
            if failed or self._activity.loaded:
                self.settled.set()
                jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
                await self._sleep(self._every.total_seconds() * jitter)

    async def refresh(self) -> None:
        """Refreshes once; what is shown is made anew also where the workspace fails."""
        try:
            async for _ in self._activity.refresh():
                await self._show(success=True)
        except Exception:
            await self._show(success=False)
            raise

    async def _show(self, *, success: bool) -> None:
        snapshot = None
        if standing := self._activity.standing:
            snapshot = await asyncio.to_thread(self._snapshot, standing)
        shown = families(snapshot, self._top_errors, success=success)
        await asyncio.to_thread(self._exposition.show, shown)

    def _snapshot(self, standing: Standing) -> Snapshot:
        # Windows that moved on without new counts would shrink without anything having stopped.
        counts = window_counts(self._activity, min(self._now(), standing.looked))
        return Snapshot(self._activity.directory(), counts, standing.looked)
