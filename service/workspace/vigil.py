"""Finds out whether a silent workspace, or one left alone, answers; nobody has to ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from service.kql.template import Template
from service.workspace.protocol import TimeSpan

SIGN_OF_LIFE = Template("print Now = now()").fill()
"""The cheapest query there is: it reads no table."""

_DAY = datetime(2000, 1, 1, tzinfo=UTC)
ANY_DAY = TimeSpan(_DAY, _DAY + timedelta(days=1))

_SHORTEST_TIMER = 0.001


class Vigil:
    """Runs `probe` whenever it is due, one at a time.

    `due` gives the monotonic second of the next, `None` while there is no reason for one; a probe
    that has ended must have put it off.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        due: Callable[[], float | None],
        monotonic: Callable[[], float],
    ) -> None:
        self._probe = probe
        self._due = due
        self._monotonic = monotonic
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Probes if it is time, else looks again when it is; called when that may have changed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._probing or (at := self._due()) is None:
            return
        left = at - self._monotonic()
        if left > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(_SHORTEST_TIMER, left), self.look)
            return
        self._probing = asyncio.create_task(self._probed())

    async def close(self) -> None:
        """Ends a probe that is under way; `due` must give `None` from now on."""
        self.look()
        if self._probing:
            self._probing.cancel()
            await asyncio.wait([self._probing])

    async def _probed(self) -> None:
        try:
            await self._probe()
        finally:
            self._probing = None
            self.look()
