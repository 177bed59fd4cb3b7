"""A workspace of nothing but time: it counts what it is asked, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from service.kql.template import Kql, Template
from service.table import TableSchema
from service.workspace.errors import WorkspaceTimeout
from service.workspace.gate import Gate
from service.workspace.limits import QueryLimits
from service.workspace.protocol import Result, Statistics, TimeSpan, Workspace

SPAN = TimeSpan(datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))
ANSWER = Result((), [], Statistics(timedelta(), 0))


def query(number: int = 0) -> Kql:
    """A query that its number tells from others."""
    return Template("print Number = {number:long}").fill(number=number)


class Upstream:
    """`works` and `travels` are seconds: of a query there, and of each way to it and back.

    `failing` gives what is raised in place of an answer, `None` for an answer.
    """

    identity = "upstream"
    arrival_uncertainty = timedelta()
    metered = True

    def __init__(self) -> None:
        self.works = 1.0
        self.travels = 0.0
        self.failing: Callable[[], Exception | None] = lambda: None
        self.arrivals: list[float] = []
        self.asked: list[str] = []
        self.deadlines: list[float] = []
        self.there = 0
        self.most = 0
        self.given_up = 0
        self.closed = False

    async def schema(self) -> TableSchema:
        await self._ask("schema")
        return TableSchema()

    async def query(self, kql: Kql, span: TimeSpan, *, deadline: timedelta) -> Result:
        self.deadlines.append(deadline.total_seconds())
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                await self._ask(kql.text.removeprefix("print Number = "))
        except TimeoutError:
            raise WorkspaceTimeout("Too slow.") from None
        return ANSWER

    def portal_link(self, kql: Kql, span: TimeSpan) -> str | None:
        return f"portal:{kql.text}"

    async def close(self) -> None:
        self.closed = True

    async def _ask(self, text: str) -> None:
        works, travels = self.works, self.travels
        await asyncio.sleep(travels)
        self.arrivals.append(asyncio.get_running_loop().time())
        self.asked.append(text)
        self.there += 1
        self.most = max(self.most, self.there)
        try:
            await asyncio.sleep(works)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.there -= 1
        await asyncio.sleep(travels)
        if error := self.failing():
            raise error


def gate_of(upstream: Workspace, limits: QueryLimits, chance: float = 0.5) -> Gate:
    """A gate on the event loop's clock, whose every chance turns out the same."""
    return Gate(
        upstream,
        limits,
        monotonic=asyncio.get_running_loop().time,
        random=lambda: chance,
    )


async def ask(workspace: Workspace, number: int = 0, deadline: float = 60.0) -> Result:
    return await workspace.query(query(number), SPAN, deadline=timedelta(seconds=deadline))


def most_within(arrivals: Iterable[float], period: float) -> int:
    """The most arrivals in any stretch of that many seconds."""
    times = sorted(arrivals)
    return max(
        (sum(start <= at < start + period for at in times[first:]) for first, start in
         enumerate(times)),
        default=0,
    )  # fmt: skip
