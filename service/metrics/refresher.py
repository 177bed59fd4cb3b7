"""Keeps activity, and what a scrape shows of it, up to date in the background."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from service.insights.activity.keeper import Activity
from service.metrics.questions import Questions
from service.metrics.shown import Provisioning
from service.workspace.errors import WorkspaceError, WorkspaceTimeout, WorkspaceUnanswered

log = logging.getLogger(__name__)

_SOONEST = 1.0
"""Seconds between a look that failed and the next, at least."""

_JITTER = 0.1
"""Share by which each wait varies, so that replicas do not ask all at once."""


class Refresher:
    """Looks, shows, waits; one refresh never overlaps the next, and a scrape causes none.

    Questions are asked beside the looks. `sleep` waits for so many seconds; `recovered` returns
    when a workspace answers again that was left alone.
    """

    def __init__(
        self,
        activity: Activity,
        questions: Questions,
        shown: Provisioning,
        *,
        every: timedelta,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        recovered: Callable[[], Awaitable[object]],
    ) -> None:
        self._activity = activity
        self._questions = questions
        self._shown = shown
        self._every = every
        self._monotonic = monotonic
        self._sleep = sleep
        self._recovered = recovered
        self._asking: asyncio.Task[None] | None = None
        self._recovery: asyncio.Future[object] | None = None
        self._refreshing = asyncio.Lock()
        self._showing = asyncio.Lock()
        self._success = False
        self.settled = asyncio.Event()
        """Set once everything is loaded, or the workspace has failed."""

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        try:
            await self._run()
        finally:
            if self._recovery:
                self._recovery.cancel()
            if self._asking:
                self._asking.cancel()
                await asyncio.gather(self._asking, return_exceptions=True)

    async def _run(self) -> None:
        every = self._every.total_seconds()
        while True:
            failed, wait = False, every
            began = self._monotonic()
            # From before the look: the workspace may be back while its failure is being shown.
            recovery = self._recovery = asyncio.ensure_future(self._recovered())
            try:
                await self.refresh()
            except WorkspaceError as error:
                took = self._monotonic() - began
                failed, wait = True, _until_next_try(error, every, took)
                log.warning("the workspace gives no answer: %s", error)
            except Exception:
                # Whatever it was, the next refresh may work, and scrapes need what there is.
                failed = True
                log.exception("activity could not be refreshed")
            if failed or self._activity.loaded:
                self.settled.set()
                wait *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
                await (self._rest_or_recover(wait, recovery) if failed else self._rest(wait))
            recovery.cancel()

    async def _rest(self, seconds: float) -> None:
        """Has the questions asked that are due, and sleeps until the next look."""
        began = self._monotonic()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait([self._asking], timeout=seconds)
        await self._sleep(max(0.0, seconds - (self._monotonic() - began)))

    async def _rest_or_recover(self, seconds: float, recovery: asyncio.Future[object]) -> None:
        """Rests until the next look, or until the workspace answers again."""
        ways: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._rest(seconds)), recovery]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()

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

    async def _ask(self) -> None:
        """Asks the questions that are due."""
        if await self._questions.renew():
            await self._show(success=self._success)

    async def _show(self, *, success: bool) -> None:
        self._success = success
        async with self._showing:
            await asyncio.to_thread(self._shown.show, success=success)


def _until_next_try(error: WorkspaceError, every: float, took: float) -> float:
    """Seconds: as soon as the workspace may be asked again, so that its return is seen early.

    What took too long is not asked more often than what works, nor less often.
    """
    if isinstance(error, WorkspaceTimeout):
        return max(_SOONEST, every - took)
    if isinstance(error, WorkspaceUnanswered):
        return min(max(_SOONEST, error.retry_after), every)
    return every
