"""Keeps activity, and what a scrape shows of it, up to date in the background."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from service.insights.activity.keeper import Activity
from service.metrics.questions import Questions
from service.metrics.shown import Provisioning
from service.workspace.errors import WorkspaceError, WorkspaceTimeout, WorkspaceUnanswered

log = logging.getLogger(__name__)

_JITTER = 0.1
"""Share by which each wait varies, so that replicas do not ask all at once."""


class Refresher:
    """Looks, shows, waits; one refresh never overlaps the next, and a scrape causes none."""

    def __init__(
        self,
        activity: Activity,
        questions: Questions,
        shown: Provisioning,
        *,
        every: timedelta,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._activity = activity
        self._questions = questions
        self._shown = shown
        self._every = every
        self._sleep = sleep
        self._asking: asyncio.Task[bool] | None = None
        self._refreshing = asyncio.Lock()
        self.settled = asyncio.Event()
        """Set once everything is loaded, or the workspace has failed."""

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        try:
            await self._run()
        finally:
            if self._asking:
                self._asking.cancel()

    async def _run(self) -> None:
        every = self._every.total_seconds()
        while True:
            failed, wait = False, every
            try:
                await self.refresh()
            except WorkspaceError as error:
                failed, wait = True, _until_next_try(error, every)
                log.warning("the workspace gives no answer: %s", error)
            except Exception:
                # Whatever it was, the next refresh may work, and scrapes need what there is.
                failed = True
                log.exception("activity could not be refreshed")
            if failed or self._activity.loaded:
                self.settled.set()
                await self._ask(success=not failed)
                await self._sleep(wait * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311

    async def refresh(self) -> None:
        """Refreshes once, after one that is under way; what is shown is made anew also where the
        workspace fails."""
        async with self._refreshing:
            try:
                looks = 0
                async for _ in self._activity.refresh():
                    looks += 1
                    if looks == 1:
                        await self._show(success=True)
                # Not after every piece of the past: rendering a fleet would hold up loading it.
                if looks > 1:
                    await self._show(success=True)
            except Exception:
                await self._show(success=False)
                raise

    async def _ask(self, *, success: bool) -> None:
        """Asks the questions that are due; one that hangs does not hold up the next refresh."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._questions.renew())
        done, _ = await asyncio.wait({self._asking}, timeout=self._every.total_seconds())
        if any(task.result() for task in done):
            await self._show(success=success)

    async def _show(self, *, success: bool) -> None:
        await asyncio.to_thread(self._shown.show, success=success)


def _until_next_try(error: WorkspaceError, every: float) -> float:
    """Seconds: as soon as the workspace may be asked again, so that its return is seen early.

    What took too long is not asked more often than what works.
    """
    if isinstance(error, WorkspaceUnanswered) and not isinstance(error, WorkspaceTimeout):
        return min(max(1.0, error.retry_after), every)
    return every
