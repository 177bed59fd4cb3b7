"""What one query is answered with."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from cachetools import LRUCache

from service.workspace.errors import QueryRejected, WorkspaceTimeout
from tests.simulator import faults
from tests.simulator.counts import Meter
from tests.simulator.envelope import Table, encoded
from tests.simulator.faults import REPLIES, Reply
from tests.simulator.logs import Engine, Logs, Read, Workspaces
from tests.simulator.plan import Fault, Plan
from tests.simulator.reading import bounds_of, rejected, result_name, unresolved, visualization
from tests.simulator.statistics import render, statistics
from tests.simulator.timespans import time_span
from tests.simulator.tokens import Token, Tokens

CACHED_FOR = 120
"""Seconds for which the API answers the same query from a cache of its own."""

_CACHE_BYTES = 64 << 20
_DEFAULT_WAIT, _LONGEST_WAIT = 180, 600
_WAIT = re.compile(r"\bwait=(\d+)")
_MAX_AGE = re.compile(r"\bmax-age=(\d+)")


class Dropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Asked:
    """A query as it came; `body` is `None` where it is no JSON object."""

    workspace: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None

    @classmethod
    def read(cls, workspace: str, headers: Mapping[str, str], body: bytes) -> Asked:
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError:
            said = None
        json = headers.get("content-type", "").startswith("application/json")
        return cls(workspace, headers, said if json and isinstance(said, dict) else None)

    @property
    def text(self) -> str:
        return str((self.body or {}).get("query") or "")

    @property
    def workspaces(self) -> Sequence[str]:
        """The workspace that was addressed, and those beside it."""
        others = (self.body or {}).get("workspaces") or []
        return tuple(dict.fromkeys((self.workspace, *others)))

    def prefers(self, what: str) -> bool:
        return f"{what}=true" in self.headers.get("prefer", "")

    @property
    def wait(self) -> int | None:
        """For how many seconds the caller would wait, if it says so."""
        found = _WAIT.search(self.headers.get("prefer", ""))
        return int(found[1]) if found else None

    def accepts(self, age: float) -> bool:
        """Whether a kept answer of this age will do."""
        control = self.headers.get("cache-control", "")
        limit = _MAX_AGE.search(control)
        return "no-cache" not in control and (limit is None or age < int(limit[1]))

    @property
    def key(self) -> tuple[Any, ...]:
        said = self.body or {}
        preferred = self.prefers("include-statistics"), self.prefers("include-render")
        return self.workspaces, self.text, said.get("timespan"), preferred


@dataclass(frozen=True)
class Answer:
    """A reply, what it cost, and after how many bytes of its body it is cut."""

    reply: Reply
    rows: int = 0
    read: Read = field(default_factory=Read)
    cut_after: int | None = None


class Queries:
    """Answers queries. Belongs to the server's event loop."""

    def __init__(
        self,
        workspaces: Workspaces,
        tokens: Tokens,
        plan: Plan,
        meter: Meter,
        *,
        readers: Collection[str],
        audiences: Collection[str],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._workspaces = workspaces
        self._tokens = tokens
        self._plan = plan
        self._meter = meter
        self._readers = readers
        self._audiences = {audience.rstrip("/") for audience in audiences}
        self._now = now
        self._monotonic = monotonic
        self._kept: LRUCache[Any, tuple[float, Answer]] = LRUCache(
            _CACHE_BYTES, getsizeof=lambda kept: len(kept[1].reply.body)
        )

    async def answer(self, asked: Asked) -> Answer:
        """What happens to a query: who asks, and how much, is looked at before the plan."""
        token = self._tokens.check(asked.headers.get("authorization"), self._audiences)
        if isinstance(token, Reply):
            return Answer(token)
        if token.client_id not in self._readers:
            return Answer(faults.no_role(token.client_id))
        seconds = self._meter.admit(token.client_id)
        if seconds is not None:
            self._meter.counts.over_limit += 1
            return Answer(faults.throttled(seconds))
        try:
            fault = await lived_through(self._plan.faults("query", asked.text), self._meter)
            if fault and fault.name in REPLIES:
                return Answer(fixed(fault))
            return await self._kept_or_made(asked, token, fault)
        finally:
            self._meter.leave(token.client_id)

    async def _kept_or_made(self, asked: Asked, token: Token, fault: Fault | None) -> Answer:
        if fault is not None:
            return await self._made(asked, fault)
        key = (token.client_id, asked.key)
        made, answer = self._kept.get(key, (0.0, None))
        age = self._monotonic() - made
        if answer and age < CACHED_FOR and asked.accepts(age):
            self._meter.counts.from_cache += 1
            return Answer(answer.reply.with_headers(Age=str(int(age))), answer.rows)
        answer = await self._made(asked, None)
        if answer.reply.status == 200 and len(answer.reply.body) <= _CACHE_BYTES:
            self._kept[key] = self._monotonic(), answer
        return answer

    async def _made(self, asked: Asked, fault: Fault | None) -> Answer:
        if asked.body is None:
            return Answer(Reply(200, b""))
        if fault and fault.name == "answer" and fault.table:
            return await self._written(asked, fault.table, Read(), 0.0, None)
        logs = [self._workspaces.logs(identifier) for identifier in asked.workspaces]
        if logs[0] is None:
            return Answer(faults.not_found())
        if None in logs:
            inner = {"code": "FailedToResolveResource", "message": "A workspace is not known."}
            return Answer(faults.bad_argument(inner))
        return await self._asked_of([held for held in logs if held], asked, fault)

    async def _asked_of(self, logs: list[Logs], asked: Asked, fault: Fault | None) -> Answer:
        table = any(held.table for held in logs)
        if table and not any(held.store for held in logs):
            return Answer(Reply(204, b"", None))
        if reply := unresolved(asked.text, table=table):
            return Answer(reply)
        wait = min(asked.wait or _DEFAULT_WAIT, _LONGEST_WAIT)
        engine = self._workspaces.engine(logs)
        try:
            return await self._from(engine, asked, fault, timedelta(seconds=wait))
        except QueryRejected as error:
            return Answer(rejected(asked.text, error))
        except WorkspaceTimeout:
            applied = f"wait={asked.wait}" if asked.wait else None
            return Answer(faults.gateway_timeout().with_headers(Preference_Applied=applied))

    async def _from(
        self, engine: Engine, asked: Asked, fault: Fault | None, deadline: timedelta
    ) -> Answer:
        assert asked.body is not None
        try:
            span = time_span(asked.body.get("timespan"), self._now())
        except ValueError as error:
            inner = {"code": "InvalidTimespan", "message": str(error)}
            return Answer(faults.bad_argument(inner))
        result = await engine.query(asked.text, span, deadline)
        read = await engine.read(bounds_of(asked.text, span, self._now()))
        table = Table.of(result, result_name(asked.text))
        cut = faults.too_many_rows(len(result.rows)) if result.partial else None
        seconds = result.statistics.elapsed.total_seconds()
        return await self._written(asked, table, read, seconds, fault, cut)

    async def _written(
        self,
        asked: Asked,
        table: Table,
        read: Read,
        seconds: float,
        fault: Fault | None,
        error: Mapping[str, Any] | None = None,
    ) -> Answer:
        name = fault.name if fault else None
        if name in ("truncated", "too_large") and fault and len(table.rows) > fault.rows:
            limit = fault.rows
            table = Table(table.columns, table.rows[:limit], table.name)
            truncated = name == "truncated"
            error = faults.too_many_rows(limit) if truncated else faults.too_many_bytes()
        elif name == "overflow":
            error = faults.overflow()
        parts: dict[str, Any] = {"error": error}
        if asked.prefers("include-render"):
            parts["render"] = render(visualization(asked.text))
        if asked.prefers("include-statistics"):
            parts["statistics"] = statistics(seconds, read, len(table.rows))
        body = await asyncio.to_thread(encoded, table, **parts)
        cut_after = fault.after if fault and name == "cut" else None
        return Answer(Reply(200, body), len(table.rows), read, cut_after)


async def lived_through(met: Sequence[Fault], meter: Meter) -> Fault | None:
    """Waits for as long as the faults say, for ever where one hangs, and returns what is left."""
    for fault in met:
        meter.counts.faults[fault.name] += 1
        await asyncio.sleep(fault.latency)
        if fault.name == "hang":
            await asyncio.Event().wait()
        if fault.name == "drop":
            raise Dropped
    return next((fault for fault in met if fault.name != "slow"), None)


def fixed(fault: Fault) -> Reply:
    """The fixed answer that a fault is."""
    retry_after = None if fault.retry_after is None else str(fault.retry_after)
    return REPLIES[fault.name]().with_headers(Retry_After=retry_after)
