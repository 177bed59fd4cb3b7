"""Everything that the simulator serves, as one ASGI application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol, TypeVar

from tests.simulator import faults
from tests.simulator.control import Control
from tests.simulator.counts import Meter
from tests.simulator.faults import REPLIES, Reply
from tests.simulator.http import (
    Receive,
    Scope,
    Send,
    body_of,
    compressed,
    gone,
    headers_of,
    send_reply,
)
from tests.simulator.plan import Plan
from tests.simulator.queries import Answer, Asked, Dropped, Queries, fixed, lived_through
from tests.simulator.tokens import Tokens

_QUERY = re.compile(r"/v1/workspaces/([^/]+)/query")
_TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
_DISCOVERY = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")

T = TypeVar("T")


class Connection(Protocol):
    """A caller's connection."""

    def close(self) -> None:
        """Sends what is under way, then closes."""

    def abort(self) -> None:
        """Closes at once."""


class Api:
    """Routes requests and does to their connections what the plan says."""

    def __init__(
        self,
        queries: Queries,
        tokens: Tokens,
        plan: Plan,
        meter: Meter,
        *,
        address: str,
        now: Callable[[], datetime],
        connection: Callable[[Scope], Connection],
    ) -> None:
        self._queries = queries
        self._tokens = tokens
        self._plan = plan
        self._meter = meter
        self._address = address
        self._now = now
        self._connection = connection
        self._control = Control(plan, meter, tokens)
        self.closing = asyncio.Event()
        """Ends what is under way."""
        self.errors: list[Exception] = []
        """What went wrong in the simulator itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._route(scope, receive, send)
        except Dropped:
            self._connection(scope).abort()
            await gone(receive)
        except Exception as error:
            self.errors.append(error)
            raise

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        body = await body_of(receive)
        if method == "POST" and (found := _QUERY.fullmatch(path)):
            self._meter.begin()
            try:
                asked = Asked.read(found[1], headers_of(scope), body)
                await self._query(asked, scope, receive, send)
            finally:
                self._meter.end()
        elif method == "POST" and (found := _TOKEN.fullmatch(path)):
            if reply := await self._unless_left(self._token(found[1], body), receive):
                await self._send(send, reply)
        elif method == "GET" and (found := _DISCOVERY.fullmatch(path)):
            await self._send(send, self._tokens.discovery(self._address, found[1]))
        elif path.startswith("/simulator/"):
            await self._send(send, self._control.reply(method, path, body))
        else:
            await self._send(send, faults.not_found())

    async def _query(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = asked.headers.get("accept-encoding", "")
        self._meter.counts.request_ids.append(asked.headers.get("x-ms-client-request-id", ""))
        answer = await self._unless_left(self._answered(asked, accepted), receive)
        counts = self._meter.counts
        if answer is None:
            counts.abandoned += 1
            return
        counts.statuses[answer.reply.status] += 1
        counts.rows_returned += answer.rows
        counts.rows_in_span += answer.read.in_span
        counts.rows_scanned += answer.read.scanned
        counts.bytes_returned += len(answer.reply.body)
        await self._send(send, answer.reply, answer.cut_after)
        if answer.cut_after is not None:
            self._connection(scope).close()
            await gone(receive)

    async def _answered(self, asked: Asked, accepted: str) -> Answer:
        answer = await self._queries.answer(asked)
        if answer.cut_after is not None:
            return answer
        return replace(answer, reply=await asyncio.to_thread(compressed, answer.reply, accepted))

    async def _token(self, tenant: str, body: bytes) -> Reply:
        counts = self._meter.counts
        fault = await lived_through(self._plan.faults("token", body.decode()), self._meter)
        if fault is None:
            reply = self._tokens.issue(tenant, body)
        else:
            reply = fixed(fault) if fault.name in REPLIES else self._tokens.invalid_client()
        if reply.status == 200 and fault is None:
            counts.tokens_issued += 1
        else:
            counts.tokens_refused += 1
        return reply

    async def _send(self, send: Send, reply: Reply, cut_after: int | None = None) -> None:
        date = format_datetime(self._now().astimezone(UTC), usegmt=True)
        await send_reply(send, reply.with_headers(Date=date), cut_after=cut_after)

    async def _unless_left(self, work: Coroutine[Any, Any, T], receive: Receive) -> T | None:
        """What the work gives; it is stopped, for `None`, when the caller leaves.

        When the simulator closes, the caller is left.
        """
        working = asyncio.ensure_future(work)
        left = asyncio.ensure_future(gone(receive))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait([working, left, closing], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if left.done():
                return None
            raise Dropped
        finally:
            for task in (working, left, closing):
                task.cancel()
            await asyncio.gather(working, left, closing, return_exceptions=True)
