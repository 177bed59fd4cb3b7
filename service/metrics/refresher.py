"""Keeps what a scrape shows up to date in the background, so that no scrape causes a query."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.insights.asking import Asking
from service.metrics.exposition import Exposition
from service.metrics.provisioning_families import Snapshot, families
from service.workspace.errors import WorkspaceError

log = logging.getLogger(__name__)

_JITTER = 0.1
"""Share by which each wait varies, so that replicas do not ask all at once."""


@dataclass(frozen=True)
class Loaded:
    """What the last refresh that worked had: for readiness."""

    jobs: int
    events_until: datetime | None
    at: float


class Refresher:
    """Asks, renders, waits; one refresh never overlaps the next."""

    def __init__(
        self,
        asking: Asking,
        exposition: Exposition,
        *,
        every: timedelta,
        top_errors: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._asking = asking
        self._exposition = exposition
        self._every = every
        self._top_errors = top_errors
        self._monotonic = monotonic
        self._snapshot: Snapshot | None = None
        self.loaded: Loaded | None = None

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                # Whatever it was, the next refresh may work.
                log.exception("the metrics could not be rendered")
            jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
            await asyncio.sleep(self._every.total_seconds() * jitter)

    async def refresh(self) -> None:
        """Asks once and shows the answer, or that it can't be had."""
        success = await self._load()
        shown = families(self._snapshot, self._top_errors, success=success)
        await asyncio.to_thread(self._exposition.show, shown)

    async def _load(self) -> bool:
        """Whether the workspace answered; if not, what there was stays."""
        try:
            directory = await self._asking.directory()
            counts = await self._asking.window_counts()
        except WorkspaceError as error:
            log.warning("the metrics are not up to date: %s", error)
            return False
        except Exception:
            log.exception("the metrics are not up to date")
            return False
        if counts.stale is None:
            self.loaded = Loaded(len(directory.jobs), directory.events_until, self._monotonic())
        self._snapshot = Snapshot(directory, counts.value.counted, counts.as_of)
        return counts.stale is None
