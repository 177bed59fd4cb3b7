"""The gate before a workspace: few queries at once, in fair order, and none at a dead one.

`people` and `background` are the same workspace for two kinds of callers. Somebody waits for an
answer of the one, so they go first; the other gets a share all the same, and never every place.
Whoever can't have a turn in time is told at once, and when to come again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random as chance
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from service.kql.template import Kql
from service.table import TableSchema
from service.workspace.allowance import Budget, Throttle
from service.workspace.breaker import Breaker
from service.workspace.errors import (
    Overloaded,
    QueryRejected,
    WorkspaceDisturbed,
    WorkspaceError,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnanswered,
    WorkspaceUnavailable,
)
from service.workspace.known_schema import KnownSchema
from service.workspace.limits import PERIOD, QueryLimits
from service.workspace.protocol import Result, TimeSpan, Workspace
from service.workspace.refusals import left_alone, overloaded, stopping, throttled
from service.workspace.waiting import Line, Turn

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Run = Callable[[float], Awaitable[Answer]]
"""Asks the workspace once, given how many seconds are left."""

_RETRIES = 2
_LONGEST_THROTTLE = 3600.0
"""Seconds after which a workspace that told to wait longer is asked all the same, once."""

_COME_AGAIN = 5
"""Seconds to wait for a turn, where no clock tells when there will be one."""

_SCHEMA_WITHIN = 60.0
_SHORTEST_TIMER = 0.001


class Gate:
    """Lets queries through within `limits`; see the module.

    A query may run for its deadline, tries and pauses together; before that it may wait as long as
    the limits say. `monotonic` decides, whatever the event loop's own clock does; `random` gives
    0 to 1; `sleep` is what pauses between tries are made with, in seconds.
    """

    def __init__(
        self,
        workspace: Workspace,
        limits: QueryLimits,
        *,
        monotonic: Callable[[], float],
        random: Callable[[], float] = chance.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.people: Workspace = _Entrance(self, workspace, urgent=True)
        self.background: Workspace = _Entrance(self, workspace, urgent=False)
        self.in_flight = 0
        self.retries = 0
        self._workspace = workspace
        self._limits = limits
        self._monotonic = monotonic
        self._random = random
        self._sleep = sleep
        self._budget = Budget(limits.budget, PERIOD)
        self._throttle = Throttle()
        self._breaker = Breaker(
            limits.breaks_after, longest_pause=limits.longest_pause, random=random
        )
        self._line = Line()
        self._numbers = itertools.count()
        self._in_background = 0
        self._schema = KnownSchema(self._ask_schema, monotonic=monotonic)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Queries that wait for their turn."""
        return len(self._line)

    @property
    def throttled_total(self) -> float:
        """Seconds for which the workspace had told to wait, since the start."""
        return self._throttle.total(self._monotonic())

    @property
    def throttled_for(self) -> float:
        """Seconds until the workspace takes queries again, 0 while it does."""
        return self._throttle.left(self._monotonic())

    @property
    def left_alone(self) -> str | None:
        """Why the breaker is open, `None` while it is closed."""
        return self._breaker.why

    async def ask(self, run: Run[Answer], *, urgent: bool, seconds: float) -> Answer:
        """What `run` returns, within so many seconds; raises a `WorkspaceError`."""
        number = next(self._numbers)
        patience = self._limits.wait if urgent else self._limits.background_wait
        left, tries = seconds, 0
        failure: WorkspaceUnanswered
        if self._line.waiting(urgent=urgent) >= self._limits.length:
            raise self._overloaded(self._monotonic())
        while True:
            arrived = self._monotonic()
            probe = self._let_in(urgent, arrived)
            try:
                await self._turn(number, urgent, arrived + patience)
                began = self._monotonic()
                patience -= began - arrived
                try:
                    return await self._run(run, left, urgent, probe)
                except WorkspaceThrottled as error:
                    failure, pause = error, 0.0
                except WorkspaceDisturbed as error:
                    failure, pause = error, self._pause(tries)
                    tries += 1
            finally:
                if probe:
                    self._breaker.end_probe()
            left -= self._monotonic() - began + pause
            if probe or tries > _RETRIES or left <= 0:
                raise failure
            await self._sleep(pause)
            self.retries += 1

    async def schema(self, *, urgent: bool) -> TableSchema:
        """The table's columns; where asking costs a query, background work asks now and then."""
        if not self._workspace.metered:
            return await self._workspace.schema()
        return await self._schema.get(urgent=urgent, may_ask=not self._breaker.open)

    async def close(self) -> None:
        """Turns everybody away who waits, and closes the workspace."""
        self._closed = True
        self._dismiss(stopping)
        if self._timer:
            self._timer.cancel()
        self._schema.close()
        await self._workspace.close()

    async def _ask_schema(self, urgent: bool) -> TableSchema:
        return await self.ask(
            lambda _: self._workspace.schema(), urgent=urgent, seconds=_SCHEMA_WITHIN
        )

    def _let_in(self, urgent: bool, now: float) -> bool:
        """Whether the query is the probe of an open breaker; raises if it may not even wait."""
        if self._closed:
            raise stopping()
        if not self._breaker.open:
            return False
        if urgent or not self._breaker.may_probe(now):
            raise self._avoided()
        self._breaker.begin_probe()
        return True

    async def _turn(self, number: int, urgent: bool, until: float) -> None:
        """Returns when it is the caller's turn; raises if it won't be in time."""
        turn = Turn(number, urgent, until, asyncio.get_running_loop().create_future())
        self._line.join(turn)
        self._dispatch()
        try:
            await turn.called
        except asyncio.CancelledError:
            self._line.leave(turn)
            called = turn.called
            if called.done() and not called.cancelled() and called.exception() is None:
                self._budget.give_back()
                self._step_out(urgent)
            self._dispatch()
            raise

    async def _run(self, run: Run[Answer], left: float, urgent: bool, probe: bool) -> Answer:
        """One try; what it tells about the workspace counts before anybody else gets a turn."""
        try:
            answer = await run(left)
            self._answered()
            return answer
        except WorkspaceThrottled as error:
            self._answered()
            seconds = min(max(1.0, error.retry_after), _LONGEST_THROTTLE)
            log.warning("the workspace takes no queries for %.0f s", seconds)
            self._throttle.close(self._monotonic(), seconds)
            raise
        except (WorkspaceTimeout, WorkspaceUnavailable) as error:
            if self._breaker.failed(self._monotonic(), str(error), probe=probe):
                log.warning("the workspace is left alone for now: %s", error)
                self._dismiss(self._avoided)
            raise
        except WorkspaceError as error:
            self._answered()
            if isinstance(error, QueryRejected):
                self._schema.doubt()
            raise
        finally:
            self._budget.end(self._monotonic())
            self._step_out(urgent)
            self._dispatch()

    def _answered(self) -> None:
        if self._breaker.open:
            log.warning("the workspace answers again")
        self._breaker.answered()

    def _pause(self, tries: int) -> float:
        return 2.0**tries * (0.5 + self._random() / 2)

    def _step_in(self, urgent: bool) -> None:
        self.in_flight += 1
        self._in_background += not urgent

    def _step_out(self, urgent: bool) -> None:
        self.in_flight -= 1
        self._in_background -= not urgent

    def _dispatch(self) -> None:
        """Calls whose turn it is, and turns away whose it can't be any more in time."""
        now = self._monotonic()
        opens = max(now, self._throttle.until, self._budget.opens(now))
        for late in [turn for turn in self._line if turn.until <= opens]:
            told = self._throttle.until > now
            self._refuse(late, self._throttled(now) if told else self._overloaded(now))
        while now >= self._throttle.until and self._budget.free(now):
            if (turn := self._next()) is None:
                break
            if not turn.called.done():  # else it leaves just now
                self._budget.begin()
                self._step_in(turn.urgent)
                turn.called.set_result(None)
        self._wake_up(now, opens)

    def _next(self) -> Turn | None:
        if self.in_flight >= self._limits.at_once:
            return None
        # One place is kept for people, whatever runs in the background.
        places = max(1, self._limits.at_once - 1)
        return self._line.next(background=self._in_background < places)

    def _wake_up(self, now: float, opens: float) -> None:
        """Sets the timer for when time alone changes something."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._line:
            return
        at = min(turn.until for turn in self._line)
        if opens > now:
            at = min(at, opens)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(_SHORTEST_TIMER, at - now), self._dispatch)

    def _dismiss(self, why: Callable[[], WorkspaceUnanswered]) -> None:
        for turn in list(self._line):
            self._refuse(turn, why())

    def _refuse(self, turn: Turn, why: WorkspaceUnanswered) -> None:
        self._line.leave(turn)
        if not turn.called.done():
            turn.called.set_exception(why)

    def _overloaded(self, now: float) -> Overloaded:
        opens = self._budget.opens(now)
        wait = math.ceil(opens - now) if opens > now else _COME_AGAIN
        return overloaded(wait, running=self.in_flight, waiting=self.waiting)

    def _throttled(self, now: float) -> WorkspaceThrottled:
        return throttled(max(1, math.ceil(self._throttle.left(now))))

    def _avoided(self) -> WorkspaceUnavailable:
        wait = max(1, math.ceil(self._breaker.left(self._monotonic())))
        return left_alone(wait, self._breaker.why)


class _Entrance:
    """The workspace behind the gate, as one kind of caller asks it."""

    def __init__(self, gate: Gate, workspace: Workspace, *, urgent: bool) -> None:
        self._gate = gate
        self._workspace = workspace
        self._urgent = urgent

    @property
    def identity(self) -> str:
        return self._workspace.identity

    @property
    def arrival_uncertainty(self) -> timedelta:
        return self._workspace.arrival_uncertainty

    @property
    def metered(self) -> bool:
        return self._workspace.metered

    async def schema(self) -> TableSchema:
        return await self._gate.schema(urgent=self._urgent)

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        def run(left: float) -> Awaitable[Result]:
            return self._workspace.query(kql, span, deadline=timedelta(seconds=left))

        return await self._gate.ask(run, urgent=self._urgent, seconds=deadline.total_seconds())

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return self._workspace.portal_link(kql, span)

    async def close(self) -> None:
        await self._gate.close()
