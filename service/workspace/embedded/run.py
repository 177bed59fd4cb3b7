"""One query in a thread, which can be stopped at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import timedelta

import duckdb

from service.workspace.errors import WorkspaceTimeout, WorkspaceUnanswered
from service.workspace.protocol import Result

_INTERRUPT_EVERY = 0.02


class Run:
    """A query under way on a cursor of its own, which its work closes."""

    _job: Future[Result]
    _work: asyncio.Future[Result]

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self._stopped: WorkspaceUnanswered | None = None

    def start(self, threads: Executor, work: Callable[[], Result]) -> None:
        self._job = threads.submit(work)
        self._work = asyncio.wrap_future(self._job)

    def check(self) -> None:
        """For the work: raises if it was stopped."""
        if self._stopped:
            raise self._stopped

    async def result(self, deadline: timedelta) -> Result:
        """What the work returns or raises; the work has ended when this does.

        Raises `WorkspaceTimeout` at the deadline.
        """
        seconds = deadline.total_seconds()
        try:
            await asyncio.wait([self._work], timeout=seconds)
            if not self._work.done():
                late = f"The query did not finish within {seconds:g} s and was stopped; "
                await self.stop(WorkspaceTimeout(late + "ask for a shorter window."))
        except asyncio.CancelledError:
            await self.stop(WorkspaceTimeout("The query was stopped, because its caller left."))
            raise
        self.check()
        return self._work.result()

    async def stop(self, why: WorkspaceUnanswered) -> None:
        """Returns when DuckDB has let go.

        An interrupt that comes just before a statement begins is lost, hence the repetition.
        """
        self._stopped = self._stopped or why
        if self._job.cancel():  # still waiting for a thread
            self.cursor.close()
        while not self._work.done():
            with suppress(duckdb.Error):  # closed in between: it is done
                self.cursor.interrupt()
            await asyncio.wait([self._work], timeout=_INTERRUPT_EVERY)
        if not self._work.cancelled():
            self._work.exception()
