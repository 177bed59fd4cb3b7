"""The gate before a workspace: few queries at once, in fair order, and none at a dead one.

`people` and `background` are the same workspace for two kinds of callers. Somebody waits for an
answer of the one, so they go first; the other gets a share all the same, and never every place.
Whoever can't have a turn in time is told at once, and when to come again. A workspace that has been
silent for a while, or is left alone, is asked now and then whether it answers at all.
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

from service.table import TableSchema
from service.workspace.allowance import Budget, Throttle
from service.workspace.breaker import Breaker
from service.workspace.entrance import Entrance
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
from service.workspace.protocol import Result, Workspace
from service.workspace.refusals import left_alone, overloaded, silent, stopping, throttled
from service.workspace.vigil import ANY_DAY, SIGN_OF_LIFE, Vigil
from service.workspace.waiting import Line, Turn

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Run = Callable[[float], Awaitable[Answer]]
"""Asks the workspace once, given how many seconds are left."""

_RETRIES = 2
"""How often a query is sent again, after a disturbance or once a throttle is over."""

_LONGEST_THROTTLE = 3600.0
"""Seconds after which a workspace that told to wait longer is asked all the same, once."""

_COME_AGAIN = 5
"""Seconds to wait for a turn, where no clock tells when there will be one."""

_SHORTEST_TIMER = 0.001
_FIRST_OF_ALL = -1


class Gate:
    """Lets queries through within `limits`; see the module.

    A query may run for its deadline, tries and pauses together; before that it may wait as long as
    the limits say. `monotonic` decides, whatever the event loop's own clock does; `random` gives
    0 to 1; `sleep` is what pauses between tries are made with, in seconds; `observe_schema` is told
    of queries for the table's columns as `KnownSchema` tells.
    """

    def __init__(
        self,
        workspace: Workspace,
        limits: QueryLimits,
        *,
        monotonic: Callable[[], float],
        random: Callable[[], float] = chance.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observe_schema: Callable[[str, float, int], None] = lambda outcome, elapsed, rows: None,
    ) -> None:
        self.people: Workspace = Entrance(self, workspace, urgent=True)
        self.background: Workspace = Entrance(self, workspace, urgent=False)
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
        self._schema = KnownSchema(self._ask_schema, monotonic=monotonic, observe=observe_schema)
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Timeout] = set()
        self._heard = 0.0
        self._vigil = Vigil(self._probe, self._probe_due, monotonic)
        self._recovered = asyncio.Event()
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

    @property
    def hindrance(self) -> str | None:
        """Why the workspace takes no queries just now, `None` while it does."""
        if self.left_alone is not None:
            return self.left_alone
        seconds = math.ceil(self.throttled_for)
        return (
            f"the workspace is throttling and takes no queries for {seconds} s" if seconds else None
        )

    async def recovered(self) -> None:
        """Returns when the workspace answers again that was left alone."""
        await self._recovered.wait()

    async def ask(self, run: Run[Answer], text: str, *, urgent: bool, seconds: float) -> Answer:
        """What `run` returns, within so many seconds; raises a `WorkspaceError`.

        `text` tells the query from others.
        """
        number = next(self._numbers)
        patience = self._limits.wait if urgent else self._limits.background_wait
        left, tries = seconds, 0
        failure: WorkspaceUnanswered
        full = self._line.waiting(urgent=urgent) >= self._limits.length
        if full or (urgent and self._stuck()):
            raise self._overloaded(self._monotonic())
        while True:
            self._let_in()
            arrived = self._monotonic()
            await self._turn(number, urgent, arrived + patience)
            began = self._monotonic()
            patience -= began - arrived
            try:
                return await self._run(run, left, urgent, text)
            except WorkspaceThrottled as error:
                failure, pause = error, 0.0
            except WorkspaceDisturbed as error:
                failure, pause = error, self._pause(tries)
            tries += 1
            left -= self._monotonic() - began + pause
            if tries > _RETRIES or left <= 0:
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
        await self._vigil.close()
        await self._workspace.close()

    async def _ask_schema(self, urgent: bool) -> TableSchema:
        within = self._limits.schema_within
        return await self.ask(self._schema_within, "schema", urgent=urgent, seconds=within)

    async def _schema_within(self, seconds: float) -> TableSchema:
        try:
            async with asyncio.timeout(seconds):
                return await self._workspace.schema()
        except TimeoutError:
            raise WorkspaceTimeout(
                f"The workspace did not tell the columns of the table within {seconds:g} s; ask "
                "again in a moment."
            ) from None

    def _let_in(self) -> None:
        """Raises where a query may not even wait."""
        if self._closed:
            raise stopping()
        if self._breaker.open:
            # The event loop's timers stand still while a machine sleeps.
            self._vigil.look()
            raise self._avoided()

    def _stuck(self) -> bool:
        """Whether all queries that may run do, and none has been answered for a while: there is no
        place for a probe, and no use in waiting."""
        full = self._limits.breaks_after is not None and self.in_flight >= self._limits.at_once
        return full and self._monotonic() - self._heard >= self._limits.silent_after

    def _probe_due(self) -> float | None:
        if self._closed or self._limits.breaks_after is None:
            return None
        if self._breaker.open:
            return max(self._breaker.next_probe, self._throttle.until)
        return self._heard + self._limits.silent_after if self.in_flight else None

    async def _probe(self) -> None:
        now, within = self._monotonic(), self._limits.silent_after
        self._breaker.next_probe = now + within
        try:
            await self._turn(_FIRST_OF_ALL, True, now + self._limits.background_wait)
            await self._run(self._sign_of_life, within, True, None)
        except WorkspaceError as error:
            log.debug("a probe was not answered: %s", error)
        finally:
            self._heard = self._monotonic()

    async def _sign_of_life(self, seconds: float) -> Result:
        within = timedelta(seconds=seconds)
        try:
            return await self._workspace.query(SIGN_OF_LIFE, ANY_DAY, deadline=within)
        except WorkspaceTimeout:
            raise silent(seconds) from None

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

    async def _run(self, run: Run[Answer], left: float, urgent: bool, text: str | None) -> Answer:
        """One try; what it tells about the workspace counts before anybody else gets a turn.

        A probe has no `text`.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._running.add(scope)
                try:
                    answer = await run(left)
                finally:
                    self._running.discard(scope)
            self._answered(probe=text is None)
            return answer
        except TimeoutError:
            if scope.expired():
                raise self._avoided() from None
            raise
        except WorkspaceThrottled as error:
            self._answered(probe=text is None)
            seconds = min(max(1.0, error.retry_after), _LONGEST_THROTTLE)
            log.warning("the workspace takes no queries for %.0f s", seconds)
            self._throttle.close(self._monotonic(), seconds)
            raise
        except (WorkspaceTimeout, WorkspaceUnavailable) as error:
            self._failed(error, text)
            raise
        except WorkspaceError as error:
            self._answered(probe=text is None)
            if isinstance(error, QueryRejected):
                self._schema.doubt()
            raise
        finally:
            self._budget.end(self._monotonic())
            self._step_out(urgent)
            self._dispatch()

    def _answered(self, *, probe: bool) -> None:
        self._heard = self._monotonic()
        if self._breaker.open:
            log.warning("the workspace answers again")
            self._recovered.set()
            self._recovered = asyncio.Event()
        elif probe:
            # It lives, but that says nothing of the queries that it did not answer.
            return
        self._breaker.answered()

    def _failed(self, error: WorkspaceUnanswered, text: str | None) -> None:
        late, was_open = isinstance(error, WorkspaceTimeout), self._breaker.open
        if text is None:
            dead = was_open or late or self._breaker.failed()
        else:
            # Of those under way when it opens, none counts again.
            dead = not was_open and (
                self._breaker.timed_out(text) if late else self._breaker.failed()
            )
        if not dead:
            return
        self._breaker.trip(self._monotonic(), str(error))
        if was_open:
            return
        log.warning("the workspace is left alone for now: %s", error)
        self._dismiss(self._avoided)
        if late:
            # Nobody waits any longer for what a silent workspace does not answer.
            for scope in self._running:
                scope.reschedule(asyncio.get_running_loop().time())

    def _pause(self, tries: int) -> float:
        return 2.0**tries * (0.5 + self._random() / 2)

    def _step_in(self, urgent: bool) -> None:
        if not self.in_flight:
            self._heard = self._monotonic()
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
        self._vigil.look()

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
